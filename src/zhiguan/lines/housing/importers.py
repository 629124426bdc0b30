"""Bulk import of housing records (Excel or CSV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django.db import transaction

from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from .codes import HousingKind
from .domain import records


def _people(rows: Sequence[ImportRow]) -> dict[str, Person]:
    codes = {row["person"] for row in rows}
    return {each.code: each for each in Person.objects.filter(code__in=codes).select_related("unit")}


def check(rows: Sequence[ImportRow], actor: Actor) -> Iterable[Problem]:
    """Yield what is wrong against the address book and the records there are."""
    people, scope = _people(rows), actor.scope("housing.record.manage")
    taken = records.taken_persons(person.pk for person in people.values())
    for row in rows:
        person = people.get(row["person"])
        if person is None or not scope.covers(person.scope_pos):
            yield row.problem("person", "没有这个人员编号，或该人员不在您的数据权限范围内")
            continue
        if row.get("name") and row["name"] != person.name:
            yield row.problem("name", f"与人员编号不符，该编号为{person.name}")
        if person.pk in taken:
            yield row.problem("person", "该人员已有住房档案")
        try:
            records.check_record(row.values)
        except Invalid as refusal:
            for name, message in refusal.fields.items():
                yield row.problem(name, message.rstrip("。"))


@transaction.atomic
def apply(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Register every record; one refusal undoes all."""
    people = _people(rows)
    for done, row in enumerate(rows, 1):
        values = {name: value for name, value in row.values.items() if name != "name"}
        records.register(actor, **{**values, "person": people[row["person"]]}, reason="批量导入")
        if done % 100 == 0:
            progress(done)
    return len(rows)


AREA = {"kind": "decimal", "minimum": 0, "maximum": 99999}
RECORD_IMPORT = Importer(
    columns=(
        ImportColumn("person", "人员编号", required=True, unique=True, max_length=32, example="P00001"),
        ImportColumn("name", "姓名", default="", max_length=50, help="用于核对", example="张三"),
        ImportColumn("employed_on", "参加工作日期", required=True, kind="date", example="1995-07-01"),
        ImportColumn("fund_years", "建立住房公积金前工龄（年）", kind="integer", minimum=0, maximum=60, default=0, example=1),
        ImportColumn("housing", "现住房情况", required=True, kind="choice", choices=HousingKind.choices, example="房改房"),
        ImportColumn("area_m2", "现住房建筑面积（平方米）", default=0, help="无房填 0", example=62.5, **AREA),
        ImportColumn("address", "现住房坐落", default="", max_length=200, example=""),
        ImportColumn("bought_on", "取得日期", kind="date", default=None, example="1996-03-01"),
        ImportColumn("spouse_benefited", "配偶已享受购房政策", kind="bool", default=False, example="否"),
        ImportColumn("spouse_area_m2", "配偶享受政策住房建筑面积（平方米）", default=0, example=0, **AREA),
        ImportColumn("wage_1998_yuan", "1998 年月均标准工资（元）", kind="money", minimum=0, default=None, example=560),
        ImportColumn("declared_on", "申报日期", required=True, kind="date", example="2026-11-01"),
        ImportColumn("note", "备注", default="", max_length=200, example=""),
    ),
    check=check,
    apply=apply,
    sheet="住房档案",
    notes=("内容涉及个人信息，请妥善保管文件，导入后及时删除。",),
)  # fmt: skip
