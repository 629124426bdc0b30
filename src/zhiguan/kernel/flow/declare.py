"""What a line declares of its service items (事项) and of the work behind them. Pure data. SPEC P4, G1–G8.

A line says in ``items.py`` what an item is (:class:`ServiceItem`: guide, form, materials, process, outcome document) and
in ``domain`` what it does in the line's own ledgers (:class:`ItemWork`: prefill, checks, facts, effect). The process is
a BPMN file with decision tables beside it in ``flows/``; who does each step, for how long and what may be edited is
written into the file itself, in attributes of the namespace :data:`NAMESPACE` (see ``docs/flow.md``).

Expressions (``required_if``, ``check``, ``computed`` …) are FEEL over the form's values by their names; tables are lists
of contexts. Nothing else can be executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zhiguan.kit.manifest import Declared, Permission, RoleTemplate

NAMESPACE = "urn:zhiguan:flow"
"""XML namespace of our attributes in BPMN files."""

APPLY, ENDORSE, HANDLE, DECIDE, VIEW, ASSIGN, SUPERVISE = (
    "apply", "endorse", "handle", "decide", "view", "assign", "supervise",
)  # fmt: skip


def case_permissions(area: str, name: str) -> tuple[Permission, ...]:
    """Return the permissions of a line's cases; a line with items puts them into its ``codes``.

    apply: start a case for one's own organ. endorse: agree to it as the organ's leader. handle: accept and review at the
    bureau. decide: decide at the bureau. view: read the cases of one's scope. assign: give a step to other people, change
    a case's course as its manager. supervise: read every case and step of one's scope, with patterns, without acting.
    """
    acts = ((APPLY, f"{name}事项申请"), (ENDORSE, f"{name}事项单位审核"), (HANDLE, f"{name}事项受理审查"),
            (DECIDE, f"{name}事项审批决定"), (VIEW, f"查看{name}办件"), (ASSIGN, f"调整{name}办件办理人"),
            (SUPERVISE, f"监督{name}办件"))  # fmt: skip
    return tuple(Permission(f"{area}.case.{act}", title) for act, title in acts)


def case_roles(
    area: str, name: str, *, handler: tuple[str, ...] = (), decider: tuple[str, ...] = ()
) -> tuple[RoleTemplate, ...]:
    """Return the roles of those who have to do with a line's cases; ``handler`` and ``decider`` are permissions of the
    line's own that reviewing and deciding need. Whoever reads a case may read the document it ended with."""

    def role(code: str, title: str, acts: tuple[str, ...], scope: str, own: tuple[str, ...] = ()) -> RoleTemplate:
        held = (*(f"{area}.case.{act}" for act in (*acts, VIEW)), "documents.document.view", *own)
        return RoleTemplate(f"{area}.case_{code}", f"{name}事项{title}", held, scope=scope)

    return (
        role("applicant", "申请人", (APPLY,), "organ"),
        role("endorser", "单位审核人", (ENDORSE,), "organ"),
        role("handler", "受理审查人员", (HANDLE,), "city", handler),
        role("decider", "审批领导", (DECIDE, ASSIGN), "city", decider),
        role("supervisor", "监督人员", (SUPERVISE,), "city"),
    )


# --- forms ------------------------------------------------------------------------------------------------------------

KINDS = frozenset(
    "text long_text integer decimal money date month boolean choice choices unit person record file computed".split()
)


@dataclass(frozen=True)
class Field:
    """One datum of a form. The stored value is JSON: text, number as text for decimals and money, ISO date, bool, key.

    ``kind``: text, long_text, integer, decimal, money (yuan), date, month (YYYY-MM), boolean, choice, choices (several),
    unit, person, record (a row of a ledger: ``lookup`` names the work's question that offers it), file, or computed
    (``computed`` is its FEEL; nobody types it). ``visible_if`` hides it and forgets its value. ``check`` is FEEL that
    must be true, ``check_text`` what is said otherwise. ``unit`` is shown behind the value.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    required_if: str = ""
    visible_if: str = ""
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lookup: str = ""
    minimum: float | None = None
    maximum: float | None = None
    places: int = 2
    max_length: int = 200
    unit: str = ""
    computed: str = ""
    check: str = ""
    check_text: str = ""
    default: Any = None
    sensitive: bool = False
    """Shown in full only to those who handle the case; elsewhere masked."""
    reviewed: bool = False
    """Never the applicant's: filled in at steps that may edit it (``zg:edit``), shown to others once it is."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"field {self.name}: unknown kind {self.kind!r}")
        if not self.name.isidentifier():
            raise ValueError(f"field {self.name!r}: not an identifier")


@dataclass(frozen=True)
class Table:
    """Rows of one kind, e.g. the assets to dispose of. Can be filled from a workbook with errors row by row."""

    name: str
    label: str
    fields: tuple[Field, ...]
    minimum: int = 0
    maximum: int = 1000
    totals: tuple[str, ...] = ()
    unique: str = ""
    """The field whose value may stand in one row only."""
    help: str = ""


@dataclass(frozen=True)
class Section:
    """A titled part of a form."""

    title: str
    parts: tuple[Field | Table, ...]
    help: str = ""


@dataclass(frozen=True)
class Material:
    """An entry of the checklist of materials, with what a machine can check of each file."""

    code: str
    name: str
    required: bool = True
    required_if: str = ""
    types: tuple[str, ...] = ("application/pdf", "image/jpeg", "image/png")
    max_files: int = 5
    min_pages: int = 1
    max_pages: int = 200
    max_age_days: int = 0
    """The document's own date (entered beside it) may be no older than this; 0: no date is asked."""
    note: str = ""


# --- items ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServiceItem(Declared):
    """事项: something an organ applies for. ``code`` is area.name, ``number`` the item's number in SPEC (G4).

    ``facts`` is the prefix of its facts in ``kernel/reference`` (``approvals.vehicle_quota``): basis, materials as
    published, steps, promised and statutory days. ``flow`` is the path of its BPMN file and ``decisions`` (name → path)
    of its decision tables, inside the line's package. ``title`` is FEEL that names a case, e.g. ``"申请" + reason``.
    ``document`` is the code of the :class:`kernel.documents.declare.DocumentKind` that a granted case issues.
    ``life_events`` are the occasions (人员调入, 机构改革 …) under which the hall also shows it.
    """

    code: str
    number: str
    name: str
    summary: str
    facts: str
    flow: str
    sections: tuple[Section, ...]
    materials: tuple[Material, ...] = ()
    decisions: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    document: str = ""
    life_events: tuple[str, ...] = ()
    icon: str = "file-certificate"
    order: int = 0

    def __post_init__(self) -> None:
        names = [part.name for section in self.sections for part in section.parts] + [each.code for each in self.materials]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"ServiceItem {self.code!r}: {', '.join(sorted(twice))} names two parts or materials")

    @property
    def area(self) -> str:
        """The line's code: the subject area whose scope its cases are read under."""
        return self.code.split(".", 1)[0]

    @property
    def package(self) -> str:
        """The line's package, where its flow files lie."""
        return f"zhiguan.lines.{self.area}"

    def permission(self, act: str) -> str:
        """Return the code of one of :func:`case_permissions`."""
        return f"{self.area}.case.{act}"

    def fields(self) -> Iterable[Field]:
        """All fields outside of tables."""
        return (part for section in self.sections for part in section.parts if isinstance(part, Field))

    def tables(self) -> Iterable[Table]:
        return (part for section in self.sections for part in section.parts if isinstance(part, Table))


@dataclass(frozen=True)
class Problem:
    """What is wrong with a form or its materials, and where: ``field`` is a field, a table or a material; in a ``table`` a
    column of the ``row`` (from 1), or '' for the row as a whole. ``text`` is for that place, where the row can be seen:
    it does not name it. Where problems are listed, ``forms.listed`` does.
    """

    field: str
    text: str
    table: str = ""
    row: int = 0

    @property
    def path(self) -> str:
        """``field``, or ``table.row.field``."""
        return ".".join(str(part) for part in (self.table, self.row, self.field) if part)


@dataclass(frozen=True)
class CaseView:
    """What an item's work is told of a case. ``unit`` is the applicant's organ (``orgs.Unit``)."""

    pk: int
    code: str
    item: str
    title: str
    unit: Any
    applicant_id: int | None
    values: Mapping[str, Any]
    decisions: Mapping[str, Any]
    """Results of the decision tables by their name."""
    opinions: tuple[Mapping[str, Any], ...] = ()
    """Who decided what at which step: step, name, person, outcome, opinion, at (ISO)."""
    document_no: str = ""


@dataclass(frozen=True)
class Choice:
    """One row offered by a lookup; ``fills`` are values of sibling fields that choosing it fills in. ``code`` is its
    number where that is not its label: workbooks and programs may name it by either."""

    value: Any
    label: str
    note: str = ""
    fills: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


def _no_problems(*_: Any) -> tuple[Problem, ...]:
    return ()


@dataclass(frozen=True)
class ItemWork(Declared):
    """What an item does in its line's ledgers. ``code`` is the item's; declared in the line's ``domain``.

    - ``prefill(actor, unit) -> values``: what the ledgers know already; never ask for it.
    - ``check(actor, unit, values) -> problems``: the line's own checks against its ledgers, at submission and again
      before the decision takes effect.
    - ``facts(unit, values) -> context``: what conditions and decision tables may ask beyond the form; asked anew at every
      step, so that a decision is made on the ledgers of its day.
    - ``effect(actor, case) -> {"text": Chinese sentence, "links": [{"type", "id", "label"}]}``: changes the ledgers in
      the transaction that closes the case, once. ``actor`` is the flow acting for the one who decided.
    - ``document(case) -> values`` of the outcome document, see ``kernel/documents``.
    - ``lookups``: name → ``question(actor, unit, text) -> list[Choice]``.
    """

    code: str
    effect: Callable[[Any, CaseView], Mapping[str, Any]]
    prefill: Callable[[Any, Any], Mapping[str, Any]] = _nothing
    check: Callable[[Any, Any, Mapping[str, Any]], Iterable[Problem]] = _no_problems
    facts: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] = _nothing
    document: Callable[[CaseView], Mapping[str, Any]] = _nothing
    lookups: Mapping[str, Callable[[Any, Any, str], list[Choice]]] = field(default_factory=dict)


__all__ = [
    "APPLY",
    "ASSIGN",
    "DECIDE",
    "ENDORSE",
    "HANDLE",
    "NAMESPACE",
    "SUPERVISE",
    "VIEW",
    "CaseView",
    "Choice",
    "Field",
    "ItemWork",
    "Material",
    "Problem",
    "Section",
    "ServiceItem",
    "Table",
    "case_permissions",
]
