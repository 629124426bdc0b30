"""人员 and 任职: list, detail with the working life, registering, transfers, appointments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DayFilter,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    RelatedList,
    RowAction,
    Section,
    UnitFilter,
    VerbAction,
)

from .. import directory, domain, views
from ..codes import Grade
from ..forms import AppointForm, EndForm, PersonChangeForm, PersonForm, TransferForm
from ..importers import PERSON_IMPORT
from ..models import Appointment, Person, Unit, valid_on
from .acts import changed, made, noted

VIEW, MANAGE = "orgs.person.view", "orgs.person.manage"
ACTIVE = Badge(
    "active", "状态", {True: "green", False: "secondary"}, choices={True: "在职", False: "离任"}, sortable=True
)  # fmt: skip
PHONE = Column("masked_phone", "办公电话", value=lambda person: directory.masked(person.phone), needs=("phone",))

PEOPLE = ListPage(
    code="orgs.person",
    path="orgs/person/",
    title="人员",
    menu=MenuItem("orgs", order=30, icon="users"),
    permission=VIEW,
    scope_persons=("pk",),
    rows=directory.people,
    columns=(
        Column("name", "姓名", link=True, sortable=True),
        Column("code", "人员编号", kind="code", sortable=True),
        Column("unit.name", "所在机构"),
        Column("duty", "职务"),
        Column("rank.name", "职级", sortable=True, sort="rank__order"),
        ACTIVE,
        PHONE,
    ),
    search=directory.search_people,
    search_hint="姓名、拼音、首字母、人员编号",
    filters=(
        UnitFilter("unit", "所属机构", options=directory.unit_options),
        ChoiceFilter("grade", "职务层次", path="rank.grade", options=Grade.choices, facets=False),
        BoolFilter("active", "在职", yes="在职", no="离任"),
        DayFilter("on", "当日在任", held=directory.served),
    ),
    views=(("在职", "active=1"), ("全部", ""), ("离任", "active=0")),
    default_sort=("scope_pos", "sort", "pk"),
    row_actions=(
        RowAction("调任", "orgs.person.transfer", icon="switch-horizontal", when=lambda person: person.active),
    ),
    page_actions=(
        PageAction("登记人员", "orgs.person.create", icon="user-plus", style="primary"),
        PageAction("批量导入", "orgs.person.import", icon="upload"),
    ),
    export_name="人员",
    empty=EmptyState(
        "还没有人员", "登记或导入后，任职经历在此管理。", PageAction("登记人员", "orgs.person.create"), icon="users"
    ),
    search_global=True,
)

PERSON = DetailPage(
    code="orgs.person",
    path="orgs/person/<int:pk>/",
    title=lambda person: person.name,
    subtitle=lambda person: f"{person.unit.name} · {person.duty}" if person.duty else person.unit.name,
    permission=VIEW,
    scope_persons=("pk",),
    rows=lambda actor: directory.people(actor).select_related("unit", "rank"),
    badge=ACTIVE,
    panels=(
        Panel(
            "基本信息",
            tab="概况",
            fields=(
                Column("name", "姓名"),
                Column("code", "人员编号"),
                Column("unit.name", "所在机构", link=lambda person: reverse("orgs.unit.detail", args=[person.unit_id])),
                Column("duty", "职务"),
                Column("rank.name", "职级"),
                Column("rank.grade", "职务层次", choices=Grade.choices),
                PHONE,
            ),
        ),
        Custom("orgs/career.html", context=views.career_context, title="任职经历", tab="概况"),
        RelatedList(
            "任职记录", rows=directory.appointments_of, tab="任职记录",
            columns=(Column("unit.name", "机构"), Column("post", "职务"), Column("rank.name", "职级"), Column("kind", "任职类型"),
                     Date("valid_from", "任职日期"), Date("valid_to", "离任日期"), Column("end_reason", "离任原因"),
                     Column("document_no", "任免文号")),
            empty="没有任职记录",
        ),
        Custom("orgs/contact.html", context=views.contact_context, title="联系方式", tab="联系方式", permission=MANAGE),
    ),
    actions=(
        VerbAction("transfer", "调任", verb=noted(domain.transfer), form=TransferForm, permission=MANAGE, style="primary",
                   icon="switch-horizontal", when=lambda person: person.active, done="已办理调任"),
        VerbAction("appoint", "任职", verb=noted(domain.appoint), form=AppointForm, permission=MANAGE, icon="user-check",
                   done="已办理任职"),
        VerbAction("end", "离任", verb=lambda actor, person, appointment, **values: noted(domain.end_appointment)(
                       actor, appointment, **values), form=EndForm, permission=MANAGE, icon="logout", style="danger",
                   when=lambda person: person.active, done="已办理离任",
                   help="结束主要任职时，兼任的职务同时结束，人员转为离任。"),
    ),
    page_actions=(PageAction("修改资料", "orgs.person.edit", icon="edit"),),
    version=lambda person: f"{person.name}|{person.unit_id}|{person.duty}|{person.active}",
    print=True,
)  # fmt: skip


def _into(actor: Actor, obj: Any, query: Mapping[str, Any]) -> dict[str, Any]:
    unit = Unit.objects.filter(code=str(query.get("unit", ""))[:32].replace("\0", "")).first()
    return {"unit": unit} if unit else {}


NEW_PERSON = FormPage(
    code="orgs.person.create",
    path="orgs/person/new/",
    title="登记人员",
    permission=MANAGE,
    form=PersonForm,
    initial=_into,
    verb=made(domain.register_person),
    sections=(
        Section("人员", ("name", "code", "phone")),
        Section("主要任职", ("unit", "post", "rank", "document_no", "on", "reason")),
    ),
    done="人员已登记",
)


def _person_values(actor: Actor, person: Person, query: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": person.name, "phone": person.phone, "sort": person.sort}


EDIT_PERSON = FormPage(
    code="orgs.person.edit",
    path="orgs/person/<int:pk>/edit/",
    title=lambda person: f"修改资料：{person.name}",
    permission=MANAGE,
    rows=directory.people,
    form=PersonChangeForm,
    initial=_person_values,
    verb=changed(domain.change_person),
    help="职务、职级和所在机构通过任职、调任、离任办理，以保留经历。",
)
IMPORT_PEOPLE = ImportPage(
    code="orgs.person",
    path="orgs/person/import/",
    title="导入人员",
    permission=MANAGE,
    importer=PERSON_IMPORT,
    help="每行一名新登记的人员及其主要任职。",
)


def _person_url(held: Appointment) -> str:
    return reverse("orgs.person.detail", args=[held.person_id])


APPOINTMENTS = ListPage(
    code="orgs.appointment",
    path="orgs/appointment/",
    title="任职记录",
    menu=MenuItem("orgs", order=40, icon="id-badge"),
    permission=VIEW,
    scope_persons=("person_id",),
    rows=directory.appointments,
    columns=(
        Column("person.name", "姓名", link=_person_url),
        Column("unit.name", "机构"),
        Column("post", "职务"),
        Column("rank.name", "职级"),
        Column("kind", "任职类型"),
        Date("valid_from", "任职日期", sortable=True),
        Date("valid_to", "离任日期", sortable=True),
        Column("end_reason", "离任原因"),
        Column("document_no", "任免文号", shown=False),
    ),
    search=directory.search_appointments,
    search_hint="姓名、拼音、人员编号、任免文号",
    filters=(
        UnitFilter("unit", "所属机构", options=directory.unit_options),
        ChoiceFilter("kind", "任职类型", facets=False),
        ChoiceFilter("end_reason", "离任原因", facets=False),
        DayFilter("on", "截至日期", held=valid_on),
        BoolFilter("current", "在任", condition=Q(valid_to__isnull=True)),
        DateRangeFilter("valid_from", "任职日期"),
        DateRangeFilter("valid_to", "离任日期"),
    ),
    views=(("在任", "current=1"), ("全部", "")),
    default_sort=("-valid_from", "-pk"),
    export_name="任职记录",
    empty=EmptyState("没有任职记录", "登记人员后在此列出。", icon="id-badge"),
)
