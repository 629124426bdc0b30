"""What an applicant does: begin, fill in, add materials, submit, answer, withdraw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, BinaryIO

from django.core.files import File
from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound

from . import children, feel, forms, materials, queries
from .clock import What
from .declare import APPLY, Problem, ServiceItem
from .desk import Desk, as_flow, item_of, next_code, on_desk, work_of
from .lifecycle import OPEN, WRITABLE
from .models import Case, CaseFile, Correction, Seat

"""States in which the applicant writes."""
LONGEST = 2000


def refused(item: ServiceItem, problems: Iterable[Problem]) -> Invalid:
    """Return the refusal that names every problem at its field."""
    found = list(problems)
    shown = "；".join(forms.listed(item, problem).rstrip("。") for problem in found[:8])
    more = f"；……共 {len(found)} 处" if len(found) > 8 else ""
    fields: dict[str, str] = {}
    for problem in found:
        fields.setdefault(problem.path, problem.text)
    places = {problem.path: where for problem in found if (where := forms.place(item, problem))}
    return Invalid(f"{shown}{more}。", code="form", fields=fields, places=places)


def need(text: str, name: str, field: str) -> str:
    """Return the trimmed text; raises Invalid when there is none or too much."""
    text = text.replace("\0", "").strip()
    if not text:
        raise Invalid(f"请填写{name}。", fields={field: f"请填写{name}。"})
    if len(text) > LONGEST:
        raise Invalid(f"{name}最多 {LONGEST} 字。", fields={field: f"{name}最多 {LONGEST} 字，现为 {len(text)} 字。"})
    return text


def title_of(item: ServiceItem, values: Mapping[str, Any], unit: Any) -> str:
    if item.title:
        try:
            made = feel.evaluate(item.title, {**forms.context(item, values), "unit": {"name": unit.name}})
        except feel.FeelError:
            made = None
        if isinstance(made, str) and made.strip():
            return made.strip()[:200]
    return f"{unit.label}{item.name}"[:200]


def _own(desk: Desk, *states: str) -> None:
    """Refuse anybody but the applicant, and any state but these."""
    case = desk.case
    if desk.actor.person_id is None or case.applicant_id != desk.actor.person_id:
        raise Denied("只有申请人可以办理。", code="not_applicant")
    if states and case.state not in states:
        raise Conflict(f"办件当前为“{case.state_name}”，不能这样办理，请刷新后查看。", code="state_changed")


@transaction.atomic
def create(
    actor: Actor, item: ServiceItem | str, *, values: Mapping[str, Any] | None = None, parent: Case | None = None
) -> Case:
    """新建申请: a draft for the actor's organ, filled with what the ledgers know already.

    A sub-case of ``parent`` is about the parent's organ, whoever opens it: at the bureau whoever handles such items
    opens it of their office's own accord, within their scope. Raises ``Conflict`` when no version of the item's process is
    published.
    """
    item = item_of(item) if isinstance(item, str) else item
    if parent is None:
        actor.require(item.permission(APPLY))
    elif not children.may_open(actor, item, parent):
        raise Denied("您没有就该单位发起这一事项的权限。", code="permission_missing")
    if actor.person_id is None or actor.unit_id is None:
        raise Denied("只有绑定人员的账号可以申请。", code="no_person")
    person = orgs.Person.objects.select_related("unit").get(pk=actor.person_id)
    unit = parent.unit if parent is not None else orgs.organ_of(person.unit) or person.unit
    definition = queries.published(item.code)
    if definition is None:
        raise Conflict("该事项的流程尚未发布，暂不能申请。", code="no_flow")
    filled = {field.name: field.default for field in item.fields() if field.default is not None}
    filled |= dict(work_of(item.code).prefill(actor, unit))
    made, _ = forms.clean(item, {**filled, **(values or {})}, whole=False, applying=True)
    key, code = next_code()
    with as_flow(actor).acting():
        return ledger.create(Case, actor, {
            "id": key, "code": code, "item": item.code, "area": item.area, "definition": definition, "unit": unit,
            "applicant": person, "title": title_of(item, made, unit), "values": made, "persons": [person.pk],
            "parent": parent,
        }, name="新建申请", case=code)  # fmt: skip


@transaction.atomic
def save(actor: Actor, case: Case, *, values: Mapping[str, Any], version: int | None = None) -> Case:
    """保存草稿: kinds are checked, what is missing is not. Also while answering a correction, within what may be changed."""
    with on_desk(actor, case) as desk:
        _own(desk, *WRITABLE)
        made = _taken(desk, values)
        return ledger.change(
            desk.case, actor, {"values": made, "title": title_of(desk.item, made, desk.case.unit)}, name="保存草稿",
            code="save", version=version, case=desk.case.code,
        )  # fmt: skip


def open_correction(case: Case) -> Correction | None:
    return case.corrections.filter(answered_at__isnull=True).first()


def editable(case: Case) -> frozenset[str] | None:
    """Return the parts of the form the applicant may change now: all of a draft, of a correction what it asks for."""
    if case.state != "correcting":
        return None
    correction = open_correction(case)
    paths = [entry["path"] for entry in correction.items] if correction is not None else []
    return None if "*" in paths else frozenset(path.split(".", 1)[0] for path in paths)


def problems_of(actor: Actor, case: Case) -> list[Problem]:
    """Return everything that speaks against submitting the case as it is: form, materials, the line's own checks."""
    item = item_of(case.item)
    values, found = forms.clean(item, case.values, before=case.values)
    kept = case.files.filter(removed_at__isnull=True)
    found += forms.missing_materials(item, values, kept.values_list("material", flat=True))
    names = {material.code: material.name for material in item.materials}
    for row in kept.select_related("file"):
        found += [
            Problem(row.material, f"材料“{names.get(row.material, row.material)}”：{fault}") for fault in row.faults
        ]
    if not found:
        found += list(work_of(item.code).check(actor, case.unit, values))
    return found


def _taken(desk: Desk, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form with what was sent; a value that is none of its kind is refused, never replaced by the old one."""
    made, problems = forms.clean(
        desk.item, values, before=desk.case.values, editable=editable(desk.case), whole=False, applying=True
    )
    if problems:
        raise refused(desk.item, problems)
    return made


def _checked(desk: Desk) -> dict[str, Any]:
    values, _ = forms.clean(desk.item, desk.case.values, before=desk.case.values)
    if problems := problems_of(desk.flow, desk.case):
        raise refused(desk.item, problems)
    return values


@transaction.atomic
def submit(actor: Actor, case: Case, *, values: Mapping[str, Any] | None = None, version: int | None = None) -> Case:
    """提交: everything is checked; the process begins. A second click finds the case submitted and is refused."""
    with on_desk(actor, case) as desk:
        _own(desk, "draft")
        if version is not None and version != desk.case.version:
            raise Conflict("草稿已在别处修改，请刷新后再提交。", code="stale")
        if values is not None:
            desk.case.values = _taken(desk, values)
        desk.changes["values"] = made = _checked(desk)
        desk.changes["title"] = title_of(desk.item, made, desk.case.unit)
        latest = queries.published(desk.case.item)
        if (
            latest is not None and latest.pk != desk.case.definition_id
        ):  # a draft runs on what is published when it goes out
            desk.case.definition = desk.changes["definition"] = latest
        desk.changes["submitted_at"] = desk.now
        desk.submit_version("提交")
        desk.settle(desk.begin())
        return desk.flush("submit")


@transaction.atomic
def resubmit(actor: Actor, case: Case, *, values: Mapping[str, Any] | None = None, reason: str = "") -> Case:
    """重新提交: after a correction the case goes on where it stood, its clock too; after a return it begins anew."""
    with on_desk(actor, case) as desk:
        _own(desk, "correcting", "returned")
        if values is not None:
            desk.case.values = _taken(desk, values)
        desk.changes["values"] = _checked(desk)
        corrected = desk.case.state == "correcting"
        if corrected:
            Correction.objects.filter(case=desk.case, answered_at__isnull=True).update(answered_at=desk.now)
        desk.submit_version("补正" if corrected else "退回后重新提交")
        if desk.case.clock:
            desk.mark(What.RESUME)
        if corrected:
            waiting = Seat.objects.filter(case=desk.case, step__state="open", state__in=("offered", "working"))
            desk.told.append(("todo", list(waiting.select_related("step", "person"))))
        else:
            if desk.case.clock:
                desk.mark(What.RETURN)
            desk.settle(desk.begin())
        return desk.flush("resubmit", reason)


@transaction.atomic
def withdraw(actor: Actor, case: Case, *, reason: str = "") -> Case:
    """撤回: the applicant takes the application back, as long as nothing has taken effect."""
    with on_desk(actor, case) as desk:
        _own(desk, *OPEN)
        if desk.in_effect():
            raise Conflict("办件已经生效，不能撤回。", code="in_effect")
        desk.close_steps(desk.steps("open"), "cancelled")
        return desk.flush("withdraw", reason)


@transaction.atomic
def discard(actor: Actor, case: Case) -> Case:
    """放弃草稿: a draft that was never submitted is ended; it stays in the ledger."""
    with on_desk(actor, case) as desk:
        _own(desk, "draft")
        return desk.flush("discard")


@transaction.atomic
def receive(actor: Actor, case: Case) -> Case:
    """签收结果: the applicant confirms that the result has arrived (送达)."""
    with on_desk(actor, case) as desk:
        _own(desk, "granted", "refused")
        if desk.case.received_at is not None:
            raise Conflict("已签收，无需重复签收。", code="received")
        return desk.note("receive", "签收结果", received_at=desk.now)


# --- materials --------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_file(
    actor: Actor,
    case: Case,
    *,
    material: str,
    content: bytes | BinaryIO | File,
    name: str,
    dated_on: date | None = None,
) -> CaseFile:
    """上传材料: one file of the checklist; what a machine can see about it is checked at once and kept beside it."""
    item = item_of(case.item)
    wanted = next((each for each in item.materials if each.code == material), None)
    if wanted is None:
        raise NotFound("申请材料清单中没有这一项。")
    with on_desk(actor, case) as desk:
        _own(desk, *WRITABLE)
        allowed = editable(desk.case)
        if allowed is not None and material not in allowed:
            raise Denied(f"本次补正不涉及材料“{wanted.name}”。", code="field_locked")
        kept = desk.case.files.filter(removed_at__isnull=True)
        if kept.filter(material=material).count() >= wanted.max_files:
            raise Invalid(f"材料“{wanted.name}”最多 {wanted.max_files} 个文件。", fields={material: "文件数已满。"})
        stored = files.store(desk.flow, desk.case.area, content, name, unit=desk.case.unit)
        files.attach(desk.flow, stored, desk.case, role=material)
        same = [each for each in kept.select_related("file") if each.file.digest == stored.digest]
        found = materials.checked(wanted, stored, dated_on=dated_on, same=same, item=item, today=timezone.localdate())
        row = CaseFile.objects.create(case=desk.case, material=material, file=stored, dated_on=dated_on, **found)
        trace.record(actor, "flow.case.add_file", desk.case, after={"material": wanted.name, "digest": stored.digest},
                     case=desk.case.code)  # fmt: skip
        return row


@transaction.atomic
def remove_file(actor: Actor, case: Case, *, row: CaseFile) -> CaseFile:
    """移除材料: as long as the applicant writes; versions submitted before keep it."""
    with on_desk(actor, case) as desk:
        _own(desk, *WRITABLE)
        if not CaseFile.objects.filter(pk=row.pk, case=desk.case, removed_at__isnull=True).update(removed_at=desk.now):
            raise Conflict("该材料已移除，请刷新后查看。", code="removed")
        trace.record(actor, "flow.case.remove_file", desk.case, before={"material": row.material}, case=desk.case.code)
        row.refresh_from_db()
        return row


def version_of(case: Case, number: int) -> Mapping[str, Any] | None:
    """Return the form as it was in a version, or None."""
    return case.submissions.filter(number=number).values_list("values", flat=True).first()
