"""Pages of cases: the hall, lists for each kind of user, the case itself, filling in, standing in."""

from zhiguan.kit.manifest import Declared

from . import case, definition_editor, definition_tables, definitions, filling, hall, lists, standing, supervision

DECLARED = tuple(
    value
    for module in (hall, lists, case, filling, standing, supervision, definitions, definition_editor, definition_tables)
    for value in vars(module).values()
    if isinstance(value, Declared)
)
