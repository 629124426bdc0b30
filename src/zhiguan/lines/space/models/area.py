"""The area of row rules that all tables of the line share."""

from zhiguan.kit.rowscope.declare import ByUnit

AREA = "space"
OF_UNIT = ByUnit(AREA)
