"""Forms of the acts on a case. They gather; the kernel decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import Q

from zhiguan.kernel.flow import forms as flow_forms
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.declare import Field, Table
from zhiguan.kernel.flow.definitions import process_of
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.api import NamesField, ObjectField, RowsField
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import PageForm

TEXT = {"rows": "3"}


def find_people(words: Iterable[str]) -> list[Person]:
    """Return the people named, by full name or 人员编号; raises Invalid for a doubt."""
    found: list[Person] = []
    for word in words:
        rows = list(Person.objects.select_related("unit").filter(Q(code=word) | Q(name=word), active=True)[:6])
        exact = [row for row in rows if row.code == word] or rows
        if not exact:
            raise Invalid(f"没有姓名或编号为“{word[:20]}”的在职人员。")
        if len(exact) > 1:
            several = "、".join(f"{row.code}（{(orgs.organ_of(row.unit) or row.unit).label}）" for row in exact[:5])
            raise Invalid(f"有多人名为“{word[:20]}”，请填写人员编号：{several}。")
        if exact[0] not in found:
            found.append(exact[0])
    return found


class PersonForm(PageForm):
    person = forms.CharField(label="人员", max_length=60, help_text="姓名或人员编号。")
    reason = forms.CharField(label="事由", max_length=500, required=False, widget=forms.Textarea(attrs=TEXT))

    def clean_person(self) -> Person:
        return find_people([self.cleaned_data["person"]])[0]


class PeopleOnlyForm(PageForm):
    people = NamesField(label="人员", help_text="姓名或人员编号，多人用顿号分开。")

    def clean_people(self) -> list[Person]:
        return find_people(self.cleaned_data["people"])


class PeopleForm(PeopleOnlyForm):
    reason = forms.CharField(label="说明", max_length=500, required=False, widget=forms.Textarea(attrs=TEXT))


class CommentForm(PageForm):
    text = forms.CharField(label="留言", max_length=1000, widget=forms.Textarea(attrs=TEXT))


class UrgeForm(PageForm):
    text = forms.CharField(label="催办说明", max_length=300, required=False, widget=forms.Textarea(attrs=TEXT))


class DecideForm(PageForm):
    """办理: the outcomes of the step, an opinion, and what the step may edit of the form."""

    outcome = forms.ChoiceField(label="办理结果", choices=(), widget=forms.RadioSelect)
    opinion = forms.CharField(
        label="办理意见", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": "4"})
    )

    def setup(self) -> None:
        self.inputs: dict[str, str] = {}
        self.parts: list[Field] = []
        self.cells: list[tuple[Table, int, Field]] = []
        node = getattr(self.obj, "my_node", None)
        if not node:
            return
        plan = process_of(self.obj.definition).plan.steps[node]
        self.fields["outcome"].choices = list(plan.outcomes.items())
        self.fields["outcome"].initial = next(iter(plan.outcomes))
        if plan.opinion:
            self.fields["opinion"].required = True
        if plan.help:
            self.fields["opinion"].help_text = plan.help
        self.parts = [
            part for part in flow_forms.parts(service.item_of(self.obj.item))
            if isinstance(part, Field) and part.name in plan.edit and part.kind not in ("computed", "file")
        ]  # fmt: skip
        for part in self.parts:
            made = django_field(part)
            made.initial = self.obj.values.get(part.name)
            self.fields[f"edit_{part.name}"] = made
            self.inputs[part.name] = f"edit_{part.name}"
        for table in service.item_of(self.obj.item).tables():
            if table.name in plan.edit:
                self._columns(table)

    def _columns(self, table: Table) -> None:
        """An input for each row in the table's columns for the review."""
        for number, row in enumerate(self.obj.values.get(table.name) or (), 1):
            for field in table.fields:
                if field.reviewed:
                    made = django_field(field)
                    made.label = f"第 {number} 行{row.get(table.unique) or ''}：{made.label}"
                    made.initial = row.get(field.name)
                    name = f"edit_{table.name}_{number}_{field.name}"
                    self.fields[name] = made
                    self.inputs[f"{table.name}.{number}.{field.name}"] = name
                    self.cells.append((table, number, field))

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        values = {}
        for part in self.parts:
            sent = found.pop(f"edit_{part.name}", None)
            values[part.name] = sent.isoformat() if hasattr(sent, "isoformat") else sent
        for table, number, field in self.cells:
            rows = values.setdefault(table.name, [dict(row) for row in self.obj.values[table.name]])
            rows[number - 1][field.name] = found.pop(f"edit_{table.name}_{number}_{field.name}", None)
        if values:
            found["values"] = values
        return found


def django_field(part: Field) -> forms.Field:
    """Return an input for a field of a service item's form."""
    label = f"{part.label}（{part.unit}）" if part.unit else part.label
    common: dict[str, Any] = {"label": label, "required": False, "help_text": part.help}
    if part.kind == "long_text":
        return forms.CharField(max_length=4000, widget=forms.Textarea(attrs={"rows": "3"}), **common)
    if part.kind == "choice":
        return forms.ChoiceField(choices=[("", "请选择"), *part.choices], **common)
    if part.kind == "choices":
        return forms.MultipleChoiceField(choices=part.choices, widget=forms.CheckboxSelectMultiple, **common)
    if part.kind == "boolean":
        return forms.BooleanField(**common)
    if part.kind == "date":
        return forms.DateField(**common)
    if part.kind == "integer":
        return forms.IntegerField(**common)
    return forms.CharField(max_length=part.max_length, **common)


class CorrectForm(PageForm):
    """通知补正: every part of the form and every material may be marked, each with what is wrong."""

    rest_title = "补正内容"

    def setup(self) -> None:
        item = service.item_of(self.obj.item) if self.obj is not None else None
        self.paths: list[tuple[str, str]] = []
        if item is None:
            return
        parts = [
            (part.name, part.label) for part in flow_forms.parts(item)
            if isinstance(part, Table) or (part.kind != "computed" and not part.reviewed)
        ]  # fmt: skip
        kept = [
            (material.code, f"材料：{material.name}")
            for material, _ in flow_forms.wanted_materials(item, self.obj.values)
        ]
        self.paths = [*parts, *kept]
        for path, label in self.paths:
            self.fields[f"item_{path}"] = forms.CharField(
                label=label,
                max_length=500,
                required=False,
                widget=forms.TextInput(attrs={"placeholder": "需要补正的，写明怎样补正"}),
            )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        items = [{"path": path, "text": found.pop(f"item_{path}", "")} for path, _ in self.paths]
        found["items"] = [entry for entry in items if entry["text"].strip()]
        if not found["items"] and not self.errors:
            raise forms.ValidationError("请至少写明一项需要补正的内容。")
        return found


class SubcaseForm(PageForm):
    item = forms.ChoiceField(
        label="事项", choices=(), help_text="就本办件的申请单位依职权发起，由您填写提交，须由其他人员受理审查；子办件没有办结之前，本办件不能继续。"
    )

    def setup(self) -> None:
        found = service.openable(self.actor, self.obj) if self.actor is not None and self.obj is not None else []
        self.fields["item"].choices = [(item.code, f"{item.number} {item.name}") for item in found]


class ReturnForm(PageForm):
    to = forms.ModelChoiceField(label="退回到", queryset=service.Step.objects.none(), empty_label=None, to_field_name="node")

    def setup(self) -> None:
        seats = service.open_seats(self.obj, self.actor) if self.obj is not None else []
        if not seats:
            return
        steps = service.returnable(self.obj, seats[0].step, process_of(self.obj.definition))
        self.fields["to"].queryset = service.Step.objects.filter(pk__in=[step.pk for step in steps]).order_by("round")
        self.fields["to"].label_from_instance = lambda step: step.name


class ReduceForm(PageForm):
    other = forms.ModelChoiceField(label="减去", queryset=service.Seat.objects.none(), empty_label=None)

    def setup(self) -> None:
        seats = service.open_seats(self.obj, self.actor) if self.obj is not None else []
        if not seats:
            return
        rows = service.Seat.objects.filter(step=seats[0].step, state__in=("working", "waiting", "offered")).exclude(
            pk=seats[0].pk
        )
        self.fields["other"].queryset = rows.select_related("person")
        self.fields["other"].label_from_instance = lambda seat: f"{seat.person.name}（{seat.get_kind_display()}）"


class SuspendForm(PageForm):
    ground = forms.ChoiceField(label="法定事由", choices=())

    def setup(self) -> None:
        self.fields["ground"].choices = [(ground, ground) for ground in service.grounds()]


class ReassignForm(PageForm):
    step = forms.ModelChoiceField(label="环节", queryset=service.Step.objects.none(), empty_label=None, to_field_name="node")
    people = NamesField(label="办理人", help_text="姓名或人员编号，多人用顿号分开。")

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["step"].queryset = service.Step.objects.filter(case=self.obj, state="open")
            self.fields["step"].label_from_instance = lambda step: step.name

    def clean_people(self) -> list[Person]:
        return find_people(self.cleaned_data["people"])


class MigrateForm(PageForm):
    definition = forms.ModelChoiceField(label="流程版本", queryset=service.Definition.objects.none(), empty_label=None,
                                        help_text="先核对已办环节能否在新版本中继续，不能的会说明原因，不会更换。")  # fmt: skip

    def setup(self) -> None:
        if self.obj is not None:
            rows = service.Definition.objects.filter(item=self.obj.item, state__in=("published", "retired"))
            self.fields["definition"].queryset = rows.exclude(pk=self.obj.definition_id)
            self.fields["definition"].label_from_instance = lambda row: (
                f"第 {row.number} 版（{row.state_name}）{row.note}"
            )


class AuthoriseForm(PageForm):
    delegate = forms.CharField(label="代办人", max_length=60, help_text="姓名或人员编号。")
    item = forms.ChoiceField(label="事项", required=False, choices=())
    valid_from = forms.DateField(label="起始日期")
    valid_to = forms.DateField(label="截止日期")
    reason = forms.CharField(label="事由", max_length=200)

    def setup(self) -> None:
        from . import queries

        self.fields["item"].choices = [("", "全部事项"), *queries.item_options()]

    def clean_delegate(self) -> Person:
        return find_people([self.cleaned_data["delegate"]])[0]


# --- for programs -----------------------------------------------------------------------------------------------------

VALUES = (
    "申请表的内容：数据项代码与值，表格为对象数组。台账记录、单位、人员填写名称或编号（车牌号、资产编号、楼宇名称、单位名称、人员编号等），"
    "也可以填写系统内的编号；没有找到或者有多条的，逐项指明。与申请页面相同的检查，问题指明 values 之下的数据项（表格的行从 1 起）。"
)


class MaterialRow(forms.Form):
    material = forms.CharField(label="材料", max_length=60, help_text="材料清单中的代码。")
    file = forms.FileField(label="文件")
    dated_on = forms.DateField(label="材料日期", required=False)


class MaterialForm(MaterialRow, PageForm):
    """One file of the checklist."""


class FileForm(PageForm):
    file = forms.IntegerField(label="材料文件", min_value=1, max_value=2**63 - 1, help_text="files 中的编号。")


def strange_parts(item: Any, values: Mapping[str, Any]) -> dict[str, str]:
    """Return, by path, what a program sent that the form of the item has no place for: never passed over."""
    parts = {part.name: part for part in flow_forms.parts(item)}
    found: dict[str, str] = {}

    def judge(path: str, field: Any) -> None:
        if field is None:
            found[path] = "没有该项。"
        elif getattr(field, "kind", "") == "computed":
            found[path] = f"{field.label}由系统计算，不能填写。"

    for name, value in values.items():
        part = parts.get(name)
        judge(name[:60], part)
        if isinstance(part, Table) and isinstance(value, list):
            fields = {field.name: field for field in part.fields}
            for number, row in enumerate(value, 1):
                for inner in row if isinstance(row, Mapping) else ():
                    judge(f"{name}.{number}.{inner[:60]}", fields.get(inner))
    return found


class ValuesForm(PageForm):
    """A program's ``values``, refused where the form of the item has no place for them."""

    def clean_values(self) -> dict[str, Any]:
        sent = self.cleaned_data["values"]
        code = self.obj.item if self.obj is not None else self.cleaned_data.get("item")
        strange = strange_parts(service.item_of(code), sent) if code and sent else {}
        if strange:
            raise forms.ValidationError([forms.ValidationError(text, params={"path": path}) for path, text in strange.items()])
        return sent


class ApplyForm(ValuesForm):
    item = forms.CharField(label="事项", max_length=60, help_text="事项代码，例如 vehicles.vehicle_quota。")
    values = ObjectField(label="申请内容", required=False, help_text=VALUES)
    files = RowsField(MaterialRow, label="申请材料", required=False, most=50)
    submit = forms.BooleanField(label="随即提交", required=False, help_text="不提交时为草稿。")

    def clean_item(self) -> str:
        return service.item_of(self.cleaned_data["item"]).code


class SaveForm(ValuesForm):
    values = ObjectField(label="申请内容", help_text=VALUES)


class SubmitForm(ValuesForm):
    values = ObjectField(label="申请内容", required=False, help_text=VALUES)


class ResubmitForm(SubmitForm):
    reason = forms.CharField(label="说明", max_length=500, required=False)


class DecideByProgramForm(ValuesForm):
    outcome = forms.CharField(label="办理结果", max_length=60, help_text="part.outcomes 中的代码。")
    opinion = forms.CharField(label="办理意见", max_length=2000, required=False)
    values = ObjectField(label="本环节修改的内容", required=False, help_text="part.editable 中的数据项。")


class CorrectionRow(forms.Form):
    path = forms.CharField(label="项目", max_length=200, help_text="数据项、表格或材料的代码；* 为全部。")
    text = forms.CharField(label="补正要求", max_length=2000)


class CorrectByProgramForm(PageForm):
    items = RowsField(CorrectionRow, label="补正内容", help_text="一次列全。")


# --- values in words --------------------------------------------------------------------------------------------------


def record_names(item: Any, field: Field, keys: set[Any], actor: Any) -> dict[tuple[str, Any], str]:
    """Return what records a form points at are called, by its item's own lookup."""
    lookup = service.work_of(item.code).lookups.get(field.lookup)
    if lookup is None:
        return {}
    named = getattr(lookup, "names", None)
    if named is not None:
        return {("record", key): name for key, name in named(keys).items()}
    return {}


def redacted(item: Any, values: Any, hide: Any = (), *, sensitive: bool = True) -> dict[str, Any]:
    """Return a form's values without the parts in ``hide`` and, where ``sensitive``, without what is marked so."""

    def kept(fields: Any, row: Any) -> dict[str, Any]:
        gone = {field.name for field in fields if sensitive and isinstance(field, Field) and field.sensitive}
        return {name: value for name, value in row.items() if name not in gone}

    parts = tuple(flow_forms.parts(item))
    found = {name: value for name, value in kept(parts, values).items() if name not in set(hide)}
    for table in parts:
        if isinstance(table, Table) and found.get(table.name):
            found[table.name] = [kept(table.fields, row) for row in found[table.name]]
    return found


def totals(table: Table, fields: Iterable[Field], rows: Any) -> list[str]:
    """Return the foot of a table of these columns: the sums of those that have one."""
    if not table.totals or not rows:
        return []
    foot = []
    for field in fields:
        if field.name not in table.totals:
            foot.append("")
            continue
        try:
            whole = sum((Decimal(str(row[field.name])) for row in rows if row.get(field.name) is not None), Decimal(0))
        except InvalidOperation:
            foot.append("")
            continue
        foot.append(flow_forms.in_words(field, str(whole)))
    return foot
