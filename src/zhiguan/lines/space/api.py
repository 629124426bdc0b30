"""The line's API: its pages, answered to programs."""

from zhiguan.kit.api import Resource

from . import pages

BUILDING = Resource.of(list=pages.BUILDINGS, detail=pages.BUILDING, create=pages.BUILDING_NEW, edit=pages.BUILDING_EDIT)
ROOM = Resource.of(list=pages.ROOMS, detail=pages.ROOM, create=pages.ROOM_NEW, edit=pages.ROOM_EDIT)
ALLOCATION = Resource.of(list=pages.ALLOCATIONS, detail=pages.ALLOCATION)
ROOM_USER = Resource.of(list=pages.OCCUPANTS, detail=pages.OCCUPANT, create=pages.OCCUPANT_NEW)
ORGAN_SIZE = Resource.of(list=pages.SIZES, detail=pages.SIZE, create=pages.SIZE_NEW)
REPAIR_PLAN = Resource.of(list=pages.REPAIRS, detail=pages.REPAIR, create=pages.REPAIR_NEW, edit=pages.REPAIR_EDIT)
