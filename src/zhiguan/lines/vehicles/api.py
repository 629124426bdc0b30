"""The line's API: its pages, answered to programs."""

from zhiguan.kit.api import Resource
from zhiguan.kit.pages import Column

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

POLICY = Resource.of(list=pages.POLICIES, detail=pages.POLICY, create=pages.POLICY_NEW)
CLAIM = Resource.of(list=pages.CLAIMS, detail=pages.CLAIM)
INSPECTION = Resource.of(list=pages.INSPECTIONS, detail=pages.INSPECTION, create=pages.INSPECTION_NEW)
UPKEEP = Resource.of(list=pages.UPKEEPS, detail=pages.UPKEEP, create=pages.UPKEEP_NEW)
ACCIDENT = Resource.of(list=pages.ACCIDENTS, detail=pages.ACCIDENT, create=pages.ACCIDENT_NEW)
VIOLATION = Resource.of(list=pages.VIOLATIONS, detail=pages.VIOLATION, create=pages.VIOLATION_NEW)
COST = Resource.of(list=pages.COSTS, detail=pages.COST, create=pages.COST_NEW)
ENERGY = Resource.of(list=pages.ENERGY, detail=pages.ENERGY_RECORD, create=pages.ENERGY_NEW)
CARD = Resource.of(list=pages.CARDS, detail=pages.CARD, create=pages.CARD_NEW)
PLAN = Resource.of(list=pages.PLANS, detail=pages.PLAN, create=pages.PLAN_NEW, edit=pages.PLAN_EDIT)
DISPOSAL = Resource.of(list=pages.DISPOSALS, detail=pages.DISPOSAL)

STUDY = Resource.of(list=pages.STUDIES, detail=pages.STUDY, create=pages.STUDY_SIZE)
ANNUAL = Resource.of(list=pages.ANNUALS, detail=pages.ANNUAL, create=pages.ANNUAL_NEW)

POOL = Resource.of(list=pages.POOLS, detail=pages.POOL, create=pages.POOL_NEW, edit=pages.POOL_EDIT)
CONTRACT = Resource.of(list=pages.CONTRACTS, detail=pages.CONTRACT, create=pages.CONTRACT_NEW)
SETTLEMENT = Resource.of(list=pages.SETTLEMENTS, detail=pages.SETTLEMENT)
ISSUE = Resource.of(list=pages.ISSUES, detail=pages.ISSUE)

SENSITIVE = Resource.of(list=pages.SENSITIVES, detail=pages.SENSITIVE, create=pages.SENSITIVE_NEW,
                        edit=pages.SENSITIVE_EDIT)  # fmt: skip
PERMITTED = Resource.of(list=pages.PERMITTEDS, detail=pages.PERMITTED, create=pages.PERMITTED_NEW,
                        edit=pages.PERMITTED_EDIT)  # fmt: skip
HOLDER = Resource.of(list=pages.HOLDERS, detail=pages.HOLDER, create=pages.HOLDER_NEW, edit=pages.HOLDER_EDIT)
PRIVACY_LIFT = Resource.of(list=pages.LIFTS, detail=pages.LIFTED)
NEARBY = Resource.of(list=pages.NEARBY_SEARCHES, detail=pages.NEARBY, create=pages.NEARBY_NEW,
                     also=(Column("result", "经过情况"),))  # fmt: skip
