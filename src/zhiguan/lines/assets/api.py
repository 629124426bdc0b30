"""The line's API: its pages, answered to programs."""

from zhiguan.kit.api import Resource

from . import pages

ASSET = Resource.of(list=pages.ASSETS, detail=pages.ASSET, create=pages.ASSET_NEW, edit=pages.ASSET_EDIT)
TITLE = Resource.of(list=pages.TITLES, detail=pages.TITLE, create=pages.TITLE_NEW)
DISPOSAL = Resource.of(list=pages.DISPOSALS, detail=pages.DISPOSAL, create=pages.DISPOSAL_NEW)
HOLDER = Resource.of(list=pages.HOLDERS, detail=pages.HOLDER)
