"""The line's API: its pages, answered to programs."""

from zhiguan.kit.api import Resource

from . import pages

VEHICLE = Resource.of(list=pages.VEHICLES, detail=pages.VEHICLE, create=pages.VEHICLE_NEW, edit=pages.VEHICLE_EDIT)
ORDER = Resource.of(list=pages.ORDERS, detail=pages.ORDER, create=pages.ORDER_NEW)
PLACE = Resource.of(list=pages.PLACES, detail=pages.PLACE, create=pages.PLACE_NEW, edit=pages.PLACE_EDIT)
TERMINAL = Resource.of(list=pages.TERMINALS, detail=pages.TERMINAL, create=pages.TERMINAL_NEW)
TERMINAL_AREA = Resource.of(list=pages.TERMINAL_AREAS, detail=pages.TERMINAL_AREA, create=pages.TERMINAL_AREA_NEW,
                            edit=pages.TERMINAL_AREA_EDIT)  # fmt: skip
COMMAND = Resource.of(list=pages.TERMINAL_COMMANDS, detail=pages.TERMINAL_COMMAND)
DRIVER = Resource.of(list=pages.DRIVERS, detail=pages.DRIVER, create=pages.DRIVER_NEW, edit=pages.DRIVER_EDIT)
QUOTA = Resource.of(list=pages.QUOTAS, detail=pages.QUOTA, create=pages.QUOTA_NEW)
