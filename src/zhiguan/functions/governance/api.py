"""Cases for programs: the same rows, scope and acts as their pages; and what the pages of an application do bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from zhiguan.kernel.flow import forms as flow_forms
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.declare import Field, Problem, Table
from zhiguan.kernel.flow.definitions import process_of
from zhiguan.kernel.flow.lifecycle import WRITABLE
from zhiguan.kit.actor import Actor
from zhiguan.kit.api import Making, Resource
from zhiguan.kit.errors import Invalid, NotFound, Refusal
from zhiguan.kit.pages import SIGNED_IN, Column, VerbAction

from . import forms, workbooks
from .pages import case, lists, standing

# --- what a program reads ---------------------------------------------------------------------------------------------


def part_of(row: Any) -> dict[str, Any] | None:
    """What the caller may do at the step where it is their turn: outcomes, parts to edit, steps to return to, signers."""
    plan = case.plan_of(row)
    if plan is None:
        return None
    seat = service.Seat.objects.select_related("step").get(pk=row.my_seat)
    others = seat.step.seats.filter(state__in=("working", "waiting", "offered")).exclude(pk=seat.pk)
    return {
        "step": plan.id, "name": plan.name, "stage": plan.stage, "state": row.my_state, "outcomes": dict(plan.outcomes),
        "opinion_required": plan.opinion, "editable": list(plan.edit), "operations": sorted(service.allowed(plan)),
        "return_to": {step.node: step.name for step in service.returnable(row, seat.step, process_of(row.definition))},
        "signers": [{"id": each.pk, "name": each.person.name, "kind": each.kind} for each in others.select_related("person")],
    }  # fmt: skip


def files_of(row: Any) -> list[dict[str, Any]]:
    kept = row.files.filter(removed_at__isnull=True).select_related("file")
    return [
        {"id": each.pk, "material": each.material, "name": each.file.name, "digest": each.file.digest, "pages": each.pages,
         "dated_on": each.dated_on, "faults": each.faults}
        for each in kept
    ]  # fmt: skip


def _told(field: Field) -> dict[str, Any]:
    return {
        "code": field.name, "label": field.label, "kind": field.kind, "required": field.required, "unit": field.unit,
        "choices": dict(field.choices), "help": field.help,
    }  # fmt: skip


def form_of(row: Any) -> dict[str, Any] | None:
    """What the applicant is asked now: parts of the form and materials, while the case can be written."""
    if row.state not in WRITABLE:
        return None
    item, editable = service.item_of(row.item), service.editable(row)
    parts: list[dict[str, Any]] = []
    for part in flow_forms.parts(item):
        if isinstance(part, Table):
            columns = [_told(field) for field in part.fields if field.kind != "computed" and not field.reviewed]
            told: dict[str, Any] = {"code": part.name, "label": part.label, "kind": "table", "columns": columns,
                                    "minimum": part.minimum, "maximum": part.maximum}  # fmt: skip
        elif part.kind == "computed" or part.reviewed:
            continue
        else:
            told = _told(part)
        parts.append(told | {"editable": editable is None or part.name in editable})
    materials = [
        {"code": material.code, "name": material.name, "required": needed}
        for material, needed in flow_forms.wanted_materials(item, row.values)
    ]
    return {"parts": parts, "materials": materials}


def correction_of(row: Any) -> list[dict[str, str]] | None:
    correction = service.open_correction(row) if row.state == "correcting" else None
    return list(correction.items) if correction is not None else None


# --- what a program writes --------------------------------------------------------------------------------------------


def _with_values(verb: Any) -> Any:
    """A verb that takes the form's values, with ledger rows, people and units named as on paper or by their keys; what is
    wrong with them is named as the program sent it, below ``values``."""

    def act(actor: Actor, row: Any, **given: Any) -> Any:
        wrong: list[Problem] = []
        if given.get("values"):
            given["values"], wrong = workbooks.keyed(given["values"], row, actor)
        try:
            done = verb(actor, row, **given)
            if wrong:
                raise Invalid("填写的内容不符合要求，请按 errors 逐项更正。")
            return done
        except Refusal as refusal:
            item = service.item_of(row.item)
            parts, named = {part.name for part in flow_forms.parts(item)}, service.refused(item, wrong)

            def below(named: Mapping[str, str]) -> dict[str, str]:
                return {f"values.{path}" if path.split(".", 1)[0] in parts else path: text for path, text in named.items()}

            refusal.fields, refusal.places = below(refusal.fields | named.fields), below(refusal.places | named.places)
            raise

    act.__name__ = verb.__name__
    return act


def add_file(actor: Actor, row: Any, *, material: str, file: UploadedFile, dated_on: Any = None) -> Any:
    return service.add_file(actor, row, material=material, content=file, name=file.name, dated_on=dated_on)


def remove_file(actor: Actor, row: Any, *, file: int) -> Any:
    found = row.files.filter(pk=file).first()
    if found is None:
        raise NotFound("没有找到该材料。")
    return service.remove_file(actor, row, row=found)


def apply(actor: Actor, _: None, values: Mapping[str, Any]) -> Any:
    """新建申请: a draft with what was sent, handed in at once where that is asked; all of it or nothing."""
    item = service.item_of(values["item"])
    row = service.create(actor, item)
    if values["values"]:
        row = _with_values(service.save)(actor, row, values=values["values"])
    for entry in values["files"]:
        add_file(actor, row, **entry)
    return _with_values(service.submit)(actor, row, values={}) if values["submit"] else row


def _act(code: str, title: str, verb: Any, form: Any, states: tuple[str, ...], help: str = "") -> VerbAction:
    return VerbAction(code, title, verb=verb, permission=SIGNED_IN, form=form, only=case._is_applicant, help=help,
                      when=lambda row: row.state in states)  # fmt: skip


CASE = Resource.of(
    list=lists.CASES,
    detail=case.CASE,
    create=Making(title="新建申请", form=forms.ApplyForm, verb=apply, permission=SIGNED_IN,
                  help="得到一份草稿，系统已掌握的数据已经填好；submit 为 true 时随即提交，有任何问题时不留下草稿。"),
    also=(
        Column("values", "表单", value=case.values_for_programs), Column("files", "材料", value=files_of),
        Column("form", "申请表和材料清单（可以填写时）", value=form_of),
        Column("correction", "待补正的内容", value=correction_of), Column("part", "当前由您办理的环节", value=part_of),
        Column("outcomes", "步骤结果"), Column("decisions", "决策结果"), Column("stage", "当前环节"),
        Column("result", "办理结果"), Column("document_no", "文号"),
    ),
    acts=(
        _act("save", "保存草稿", _with_values(service.save), forms.SaveForm, WRITABLE, "只提交要变更的数据项；缺少的以后再填。"),
        _act("add_file", "上传材料", add_file, forms.MaterialForm, WRITABLE, "机器检查的结果在 files 的 faults 中。"),
        _act("remove_file", "移除材料", remove_file, forms.FileForm, WRITABLE),
        _act("submit", "提交", _with_values(service.submit), forms.SubmitForm, ("draft",)),
        _act("resubmit", "重新提交", _with_values(service.resubmit), forms.ResubmitForm, ("correcting", "returned"),
             "补正或者退回修改以后。"),
    ),
)  # fmt: skip
DELEGATION = Resource.of(list=standing.DELEGATIONS, detail=standing.DELEGATION, create=standing.NEW_DELEGATION)
