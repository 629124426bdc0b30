"""Rules of identity's tables that are not models of their own."""

from zhiguan.kit.rowscope.declare import Shared, TableRule

TABLE_RULES = (
    TableRule(
        "identity_grant_custom_units", Shared("read before the actor is known, to work out what the actor may do")
    ),
)
