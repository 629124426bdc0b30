"""Pages of cases: the hall, lists for each kind of user, the case itself, filling in, standing in."""

from zhiguan.kit.manifest import Declared

from . import case, filling, hall, lists, standing

DECLARED = tuple(
    value for module in (hall, lists, case, filling, standing) for value in vars(module).values() if isinstance(value, Declared)
)
