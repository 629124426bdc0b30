"""Tables: every one has a row rule with a reason, Chinese names, and a migration that makes it as it is declared."""

from __future__ import annotations

from fnmatch import fnmatch

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import translation

from zhiguan.kit.rowscope.declare import ByArea, ByPerson, ByUnit, Custom, Shared
from zhiguan.site.registers import table_rules

from .laws import area_of, chinese, judge, ours


def test_every_table_of_ours_has_a_row_rule_with_its_reason() -> None:
    faults = {}
    for model in ours(apps.get_models(include_auto_created=True)):
        rule = getattr(model, "row_rule", None)
        listed = any(fnmatch(model._meta.db_table, each.pattern) for each in table_rules())
        if rule is None and listed and model._meta.auto_created:
            continue  # tables between two models have no class body to name a rule in
        if not isinstance(rule, (ByUnit, ByArea, ByPerson, Shared, Custom)):
            faults[model._meta.label] = "no row_rule: PostgreSQL shows nobody a row"
        elif isinstance(rule, (Shared, Custom)) and len(rule.reason) < 12:
            faults[model._meta.label] = "the rule opens rows beyond a unit and does not say why"
        elif isinstance(rule, ByUnit) and area_of(model.__module__) != rule.area:
            faults[model._meta.label] = f"asks for the scope of another area, {rule.area}"
    judge("tables-have-row-rules", faults, "Set row_rule on the model: ByUnit, ByArea, ByPerson, Shared or Custom.")


def test_every_other_table_has_a_rule() -> None:
    patterns = [rule.pattern for rule in table_rules()]
    faults = {
        model._meta.db_table: f"table of {model._meta.label}"
        for model in apps.get_models(include_auto_created=True)
        if not model.__module__.startswith("zhiguan.") and model._meta.managed
        and not any(fnmatch(model._meta.db_table, pattern) for pattern in patterns)
    }  # fmt: skip
    judge("other-tables-have-rules", faults, "Add a TableRule to site/registers.py or the part's TABLE_RULES.")


def test_tables_fields_and_choices_are_named_in_chinese() -> None:
    faults = {}
    for model in ours(apps.get_models()):
        if not chinese(model._meta.verbose_name):
            faults[model._meta.label] = f"verbose_name {model._meta.verbose_name!s}"
        for field in model._meta.local_fields:
            name = f"{model._meta.label}.{field.name}"
            # Technical columns are on no screen; a name that was given is.
            nameless = field.verbose_name == field.name.replace("_", " ") and (
                model.__module__.startswith("zhiguan.kernel.") or not field.editable
            )
            if not (field.primary_key or nameless or chinese(field.verbose_name)):
                faults[name] = f"verbose_name {field.verbose_name!s}"
            wrong = [label for value, label in field.flatchoices if not chinese(label) and str(label) != str(value)]
            if wrong:
                faults[name] = f"choices {', '.join(map(str, wrong))}"
    judge("tables-speak-chinese", faults, "These names stand in forms, lists, exports and histories.")


def test_migrations_make_the_tables_as_declared() -> None:
    language = translation.get_language()
    translation.deactivate_all()  # as makemigrations does: stored names of third parties are untranslated
    try:
        loader = MigrationLoader(None)
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        changes = detector.changes(graph=loader.graph)
    finally:
        translation.activate(language or "zh-hans")
    faults = {
        label: "; ".join(operation.describe() for migration in found for operation in migration.operations)
        for label, found in changes.items()
    }
    judge("migrations-are-made", faults, "Run: zhiguan manage makemigrations")
