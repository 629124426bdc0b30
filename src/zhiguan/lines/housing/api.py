"""The line's API: its pages, answered to programs. Address and wage are on no declared panel and so in no answer."""

from zhiguan.kit.api import Resource

from . import pages

RECORD = Resource.of(list=pages.RECORDS, detail=pages.RECORD, create=pages.RECORD_NEW, edit=pages.RECORD_EDIT)
ALLOWANCE = Resource.of(list=pages.ALLOWANCES, detail=pages.ALLOWANCE, create=pages.ALLOWANCE_NEW)
