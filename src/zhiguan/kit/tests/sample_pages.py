"""Pages of no line, over the address book's people, for the kit's own tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.kit.manifest import MenuGroup
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    BulkAction,
    Change,
    ChoiceFilter,
    Column,
    DateRangeFilter,
    DetailPage,
    EmptyState,
    FormPage,
    HistoryEntry,
    ImportColumn,
    Importer,
    ImportPage,
    ImportRow,
    ListPage,
    MenuItem,
    NumberRangeFilter,
    PageAction,
    PageForm,
    Panel,
    Problem,
    RelatedList,
    RowAction,
    Section,
    TextFilter,
    UnitFilter,
    VerbAction,
)

VIEW, MANAGE, RETIRE = "sample.person.view", "sample.person.manage", "sample.person.retire"
RETIRED: list[tuple[int, str]] = []


def people(actor: Actor) -> QuerySet[Person]:
    return Person.objects.all()


def units(actor: Actor) -> list[tuple[int, str, int, int]]:
    reach = Unit.objects.filter(actor.scope(VIEW).q("pos")).order_by("pos")
    return [(unit.pk, unit.name, unit.pos, unit.pos_end) for unit in reach]


def history(person: Person, actor: Actor) -> list[HistoryEntry]:
    changes = (Change("职务", "科员", person.duty),)
    return [HistoryEntry(timezone.now(), "变更职务", actor="王芳", reason="岗位调整", changes=changes)]


def retire(actor: Actor, person: Person, *, reason: str) -> Person:
    if person.duty == "不可停用":
        raise Conflict("该人员正在借调，不能停用。")
    Person.objects.filter(pk=person.pk).update(active=False)
    RETIRED.append((person.pk, reason))
    return person


def change_duty(actor: Actor, person: Person, *, duty: str) -> Person:
    if duty == "局长":
        raise Invalid("该职务须经任免程序。", fields={"duty": "该职务须经任免程序"})
    Person.objects.filter(pk=person.pk).update(duty=duty)
    return person


class DutyForm(PageForm):
    duty = forms.CharField(label="职务", max_length=50, help_text="与任免文件一致")


class PersonForm(PageForm):
    name = forms.CharField(label="姓名", max_length=50)
    duty = forms.CharField(label="职务", max_length=50, required=False, help_text="与任免文件一致")
    sort = forms.IntegerField(label="排序", min_value=0, required=False, initial=0)
    unit = forms.ModelChoiceField(label="单位", queryset=Unit.objects.none(), empty_label="请选择")
    active = forms.BooleanField(label="在职", required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = Unit.objects.filter(self.actor.scope(MANAGE).q("pos"))


def save(actor: Actor, person: Person | None, values: dict[str, Any]) -> Person:
    if person is None:
        count = Person.objects.count()
        return Person.objects.create(code=f"N{count:04}", **values)
    for name, value in values.items():
        setattr(person, name, value)
    person.save(update_fields=list(values))
    return person


def known_codes(rows: Sequence[ImportRow], actor: Actor) -> list[Problem]:
    taken = set(Person.objects.filter(code__in=[row["code"] for row in rows]).values_list("code", flat=True))
    return [row.problem("code", "人员编号已存在") for row in rows if row["code"] in taken]


def import_people(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    unit = Unit.objects.filter(actor.scope(MANAGE).q("pos")).order_by("pos").first()
    Person.objects.bulk_create(
        [Person(code=row["code"], name=row["name"], duty=row["duty"], sort=row["sort"], unit=unit) for row in rows]
    )
    progress(len(rows))
    return len(rows)


GROUP = MenuGroup("sample", "机构人员", 10, "users")
ACTIVE = Badge("active", "在职", {True: "green", False: "secondary"}, choices=((True, "在职"), (False, "离职")))

LIST = ListPage(
    code="sample.person",
    path="sample/person/",
    title="人员名册",
    menu=MenuItem("sample", order=10, icon="users"),
    permission=VIEW,
    rows=people,
    columns=(
        Column("name", "姓名", link=True, sortable=True),
        Column("code", "人员编号", kind="code", sortable=True),
        Column("unit.name", "单位", sortable=True),
        Column("rank.name", "职级"),
        Column("duty", "职务"),
        ACTIVE,
        Column("sort", "排序", kind="integer", sortable=True),
        Column("label", "称呼", value=lambda person: f"{person.name}同志", needs=("name",), shown=False),
        Column("phone", "办公电话", permission="sample.person.phone"),
    ),
    search=("name", "^code", "^initials"),
    search_hint="姓名、编号、拼音首字母",
    filters=(
        ChoiceFilter("active", "在职", options=((True, "在职"), (False, "离职"))),
        UnitFilter("unit", "单位", options=units),
        NumberRangeFilter("order", "排序", path="sort"),
        BoolFilter("ranked", "在编", path="active"),
        TextFilter("duty", "职务"),
        DateRangeFilter("founded", "单位成立", path="unit.valid_from"),
    ),
    default_sort=("sort", "pk"),
    views=(("全部", ""), ("离职", "active=False")),
    row_actions=(RowAction("编辑", "sample.person.edit"),),
    bulk_actions=(
        BulkAction("retire", "停用", verb=retire, permission=RETIRE, reason=True, confirm="停用所选的 {count} 人？"),
    ),
    page_actions=(
        PageAction("登记人员", "sample.person.create", icon="plus", style="primary"),
        PageAction("批量导入", "sample.person.import", icon="upload"),
    ),
    export_name="人员名册",
    empty=EmptyState("还没有人员", "登记或导入后在此管理。", PageAction("登记人员", "sample.person.create")),
    search_global=True,
)
DETAIL = DetailPage(
    code="sample.person",
    path="sample/person/<int:pk>/",
    title=lambda person: person.name,
    permission=VIEW,
    rows=people,
    badge=ACTIVE,
    subtitle=lambda person: f"人员编号 {person.code}",
    panels=(
        Panel("基本情况", fields=(Column("code", "人员编号"), Column("unit.name", "单位"), Column("duty", "职务"),
                              Column("rank.name", "职级"), Column("sort", "排序"), Column("phone", "办公电话"))),
        RelatedList("同单位人员", rows=lambda person, actor: Person.objects.filter(unit=person.unit).order_by("pk"),
                    columns=(Column("name", "姓名", link=True), Column("duty", "职务"), ACTIVE), tab="同单位人员",
                    link="sample.person.detail"),
    ),
    actions=(
        VerbAction("duty", "变更职务", verb=change_duty, permission=MANAGE, form=DutyForm, style="primary"),
        VerbAction("retire", "停用", verb=retire, permission=RETIRE, reason=True, style="danger",
                   when=lambda person: person.active, confirm="停用后不能再派车、审批。"),
    ),
    page_actions=(PageAction("编辑", "sample.person.edit", icon="edit"),),
    history=history,
    print=True,
    version=lambda person: person.duty,
)  # fmt: skip
CREATE = FormPage(
    code="sample.person.create", path="sample/person/new/", title="登记人员", permission=MANAGE, form=PersonForm,
    verb=save, sections=(Section("基本情况", ("name", "duty", "active")), Section("归属", ("unit", "sort"))),
    help="登记后可在详情中变更职务。",
)  # fmt: skip
EDIT = FormPage(
    code="sample.person.edit", path="sample/person/<int:pk>/edit/", title="编辑人员", permission=MANAGE,
    form=PersonForm, rows=people, verb=save, version=lambda person: person.duty or "-", history=history,
)  # fmt: skip
IMPORT = ImportPage(
    code="sample.person",
    path="sample/person/import/",
    title="导入人员",
    permission=MANAGE,
    importer=Importer(
        columns=(
            ImportColumn("code", "人员编号", required=True, unique=True, max_length=32, example="P0001"),
            ImportColumn("name", "姓名", required=True, max_length=50, example="张三"),
            ImportColumn("duty", "职务", kind="choice", choices=(("科员", "科员"), ("处长", "处长")), default=""),
            ImportColumn("sort", "排序", kind="integer", minimum=0, maximum=9999, default=0, help="越小越靠前"),
            ImportColumn("joined", "入职日期", kind="date", example="2024-07-01"),
            ImportColumn("active", "是否在职", kind="bool", default=True),
        ),
        check=known_codes,
        apply=import_people,
    ),
)
PAGES = (GROUP, LIST, DETAIL, CREATE, EDIT, IMPORT)
