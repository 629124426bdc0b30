"""The pages of the log, under the inherited tests: entries belong to units, checkpoints are for everybody with the permission."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from openpyxl import load_workbook

from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kernel.trace.models import Checkpoint, Entry
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, ListPageConformance, Visitor, bytes_of
from zhiguan.site.pages.audit import CHECKPOINT, CHECKPOINTS, ENTRIES, ENTRY

from .test_administration_pages import SharedDetail, SharedList

_numbers = iter(range(10**6))


def make_entry(unit: Unit) -> Entry:
    subject = Subject("orgs.unit", str(unit.pk), f"{unit.name}{next(_numbers)}", scope_pos=unit.pos)
    entry = trace.record(
        system("tests"), "orgs.unit.change", subject, before={"a": 1}, after={"a": 2}, reason="机构改革"
    )
    return Entry.objects.select_related("detail").get(pk=entry.pk)


@pytest.fixture
def entry_case(world: SimpleNamespace, actor: Any) -> Case:
    return Case(actor=actor, make=lambda: make_entry(world.mine), make_elsewhere=lambda: make_entry(world.other),
                text=lambda row: row.detail.subject_label)  # fmt: skip


class TestEntries(ListPageConformance):
    page = ENTRIES

    @pytest.fixture
    def case(self, entry_case: Case) -> Case:
        return entry_case

    def test_export_is_what_is_shown(self, case: Case, url: str) -> None:
        """As everywhere, but that the log is exported is an entry itself, which the next export has."""
        rows = [case.row() for _ in range(3)]
        case.elsewhere()
        visitor = Visitor(case.actor)
        before = self.keys(case)
        labels = [row.detail.subject_label for row in reversed(rows)]
        text = list(csv.reader(io.StringIO(bytes_of(visitor.get(url, {"_export": "csv"})).decode("utf-8-sig"))))
        place = text[0].index("对象")
        assert [line[place] for line in text[1:]] == labels and len(before) == len(rows)
        sheet = load_workbook(io.BytesIO(bytes_of(visitor.get(url, {"_export": "xlsx"})))).active
        assert sheet is not None
        told = [row[place] for row in sheet.iter_rows(min_row=2, values_only=True)]
        assert told[1:] == labels and "痕迹" in told[0]


class TestEntry(DetailPageConformance):
    page = ENTRY

    @pytest.fixture
    def case(self, entry_case: Case) -> Case:
        return entry_case


@pytest.fixture
def checkpoint_case(world: SimpleNamespace, actor: Any) -> Case:
    def make() -> Checkpoint:
        make_entry(world.other)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # entries take their places, as they do at commit
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        made = trace.checkpoint()
        assert made is not None
        return made

    return Case(actor=actor, make=make, make_elsewhere=make, english=("zhiguan trace verify",))


class TestCheckpoints(SharedList):
    page = CHECKPOINTS

    @pytest.fixture
    def case(self, checkpoint_case: Case) -> Case:
        return checkpoint_case


class TestCheckpoint(SharedDetail):
    page = CHECKPOINT

    @pytest.fixture
    def case(self, checkpoint_case: Case) -> Case:
        return checkpoint_case
