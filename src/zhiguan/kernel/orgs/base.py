"""What rows of a unit inherit: the unit, its position in the tree, and querysets that know both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models

if TYPE_CHECKING:
    from zhiguan.kit.actor import Actor


class PositionQuerySet(models.QuerySet):
    """Rows with a position; ``position_column`` names it."""

    position_column = "scope_pos"

    def within(self, unit: Any) -> Self:
        """Keep the rows of ``unit`` (anything with ``pos`` and ``pos_end``) and of every unit below it."""
        return self.filter(**{f"{self.position_column}__range": (unit.pos, unit.pos_end)})

    def visible_to(self, actor: Actor, permission: str) -> Self:
        """Keep the rows that the actor's permission reaches; none when it is not held.

        Persons named by the model's row rule see their own rows when the permission was granted to oneself.
        """
        rule, scope = getattr(self.model, "row_rule", None), actor.scope(permission)
        condition = scope.q(self.position_column, getattr(rule, "persons", ()))
        return self.filter(condition | scope.beyond(rule))


class UnitScopedQuerySet(PositionQuerySet):
    def bulk_create(self, objs: Iterable[models.Model], *args: Any, **kwargs: Any) -> list:
        """Insert many rows; positions not given are read from the units in one query."""
        objs = list(objs)
        wanting = [obj for obj in objs if obj.scope_pos is None]
        if wanting:
            units = apps.get_model("orgs", "Unit").objects.filter(pk__in={obj.unit_id for obj in wanting})
            positions = dict(units.values_list("pk", "pos"))
            for obj in wanting:
                obj.scope_pos = positions.get(obj.unit_id)
        return super().bulk_create(objs, *args, **kwargs)


class UnitScoped(models.Model):
    """A row that belongs to a unit.

    ``scope_pos`` repeats the unit's position, so that row-level security and subtree queries need no join. It is
    filled on saving and follows when the unit moves; rows of append-only tables keep the position of their time.
    """

    unit = models.ForeignKey("orgs.Unit", on_delete=models.PROTECT, related_name="+", verbose_name="单位")
    scope_pos = models.BigIntegerField("数据权限位置", db_index=True, editable=False)

    objects = UnitScopedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is None or "unit" in update_fields or "unit_id" in update_fields:
            self.take_position()
            if update_fields is not None:
                update_fields = {*update_fields, "scope_pos"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def take_position(self) -> None:
        """Take over the unit's position. Code that writes rows without ``save()`` calls this."""
        self.scope_pos = self.unit.pos
