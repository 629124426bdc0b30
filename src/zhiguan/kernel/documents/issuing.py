"""Verbs of issued documents: issue, revoke, supersede."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from zhiguan.kernel.events import service as events
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.kit.square import square

from . import numbers, typesetting
from .codes import REVOKE
from .declare import DocumentKind
from .models import OutcomeDocument

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters of codes that people type: none that look alike."""
BUREAU = "机关事务管理"
SPACES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
PRODUCE = "documents.document.produce"


def kind_of(code: str) -> DocumentKind:
    """Return the declared kind; raises ``KeyError`` for one that nobody declares."""
    return registry.current().get(DocumentKind, code)


def issue(
    actor: Actor, kind: DocumentKind | str, values: Mapping[str, Any], *, subject: Model, unit: Unit,
    persons: Iterable[int | Model] = (), case: str = "", issuer: Unit | None = None, label: str = "", reason: str = "",
) -> OutcomeDocument:  # fmt: skip
    """签发文书, in the caller's transaction: give it its number and freeze what it says; the PDF follows at once after
    the commit, exactly once (``producing``). Until then its state is 制作中 and nothing can be downloaded.

    ``values`` are those the kind takes (texts, lists of texts, rows); ``subject`` what it is about, a row of any table;
    ``unit`` the organ it is about, which sees it, as do the ``persons`` (or their keys) named in it. ``issuer`` is the
    organ whose name and seal it bears: by default the bureau of the unit's district, or of the city (setting
    ZHIGUAN_BUREAU, else the municipal organ of that name, else the organ of the actor). ``label`` names the subject for
    people, by default its own text.

    Raises ``Invalid`` for missing values and for letters that no font of ours has, ``Conflict`` when the case already
    has a valid document of the kind about the subject, ``ValueError`` for values the kind does not know. Everything is
    checked before the number is taken: taking it locks the series until the transaction ends. Call it late.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a document is issued in the transaction that decides, and none is open")
    declared = kind if isinstance(kind, DocumentKind) else kind_of(kind)
    if declared.permission:
        actor.require(declared.permission, unit)
    given = checked(declared, values)
    with system("documents.issue").transaction():
        issuer = issuer or bureau(actor, unit)
        now = timezone.now()
        row: dict[str, Any] = {
            "area": declared.area, "kind": declared.code, "kind_name": declared.name,
            "title": str(given.get("title") or declared.name).replace("\n", "")[:200], "pattern": declared.number,
            "year": timezone.localtime(now).year, "issuer": issuer, "issuer_name": issuer.name, "issuer_pos": issuer.pos,
            "unit": unit, "persons": sorted({each if isinstance(each, int) else each.pk for each in persons}),
            "subject_type": subject._meta.label_lower, "subject_id": subject.pk,
            "subject_label": (label or str(subject))[:120],
            "case": case, "values": given, "issued_at": now, "issued_on": timezone.localdate(now),
            "issued_by": "系统" if actor.system else actor.name,
            "token": "".join(secrets.choice(LETTERS) for _ in range(26)), "code": code(), "demo": orgs.is_demo(),
            "valid_until": _until(declared, timezone.localdate(now)),
        }  # fmt: skip
        proof(declared, row)
        return _create(actor, declared, row, case=case, reason=reason)


def _create(actor: Actor, kind: DocumentKind, row: dict[str, Any], *, case: str, reason: str) -> OutcomeDocument:
    try:
        with transaction.atomic():
            serial = numbers.take(kind, row["year"])
            row |= {"serial": serial, "number": numbers.text(kind, row["year"], serial)}
            made = ledger.create(OutcomeDocument, actor, row, name="签发", reason=reason, case=case)
    except IntegrityError as error:
        if "documents_document_case" not in str(error):
            raise
        raise Conflict(f"该办件的{kind.name}已经签发，不能重复签发。", code="document_issued") from error
    events.enqueue(
        system("documents.issue"), PRODUCE, {"document": made.pk}, f"制作文书 {made.number}", key=str(made.pk)
    )
    return made


def checked(kind: DocumentKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are printed, without control characters.

    Raises ``ValueError`` for names and shapes the kind does not know, ``Invalid`` for missing ones.
    """
    if unknown := set(values) - kind.values:
        raise ValueError(f"{kind.code} does not take {', '.join(sorted(unknown))}")
    given = {name: _clean(value) for name, value in values.items() if value not in (None, "", [], ())}
    if missing := [name for name in kind.needs if not given.get(name)]:
        raise Invalid(f"{kind.name}缺少内容：{'、'.join(missing)}。", code="document_values")
    for name in ("paragraphs", "basis", "conditions", "columns"):
        if not isinstance(given.get(name, []), list):
            raise ValueError(f"{kind.code}: {name} is a list of texts")
    if any(len(row) != 2 for row in given.get("rows", ())):
        raise ValueError(f"{kind.code}: rows are pairs of name and value")
    if any(len(row) != len(given.get("columns", ())) for row in given.get("table", ())):
        raise ValueError(f"{kind.code}: every row of the table has as many cells as there are columns")
    return given


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _clean(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    return SPACES.sub("", str(value)).strip()


def _until(kind: DocumentKind, day: date) -> date | None:
    if kind.years is None:
        return None
    try:
        return day.replace(year=day.year + kind.years) - timedelta(days=1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + kind.years, day=28)


def code() -> str:
    """Return a new verification code: 12 letters in groups of four."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(12))
    return "-".join((letters[:4], letters[4:8], letters[8:]))


def bureau(actor: Actor, unit: Unit) -> Unit:
    """Return the organ that issues when none is named: the bureau of the district the unit is in, or of the city."""
    district = next((each for each in orgs.path(unit) if each.kind == "district"), None)
    if district is not None:
        found = orgs.organs(within=district).filter(name__contains=BUREAU).order_by("pos").first()
        if found is not None:
            return found
    if settings.ZHIGUAN_BUREAU:
        return orgs.unit_by_code(settings.ZHIGUAN_BUREAU)
    found = orgs.municipal_organs().filter(name__contains=BUREAU).order_by("pos").first()
    if found is None and actor.unit_id is not None:
        found = orgs.organ_of(Unit.objects.get(pk=actor.unit_id))
    if found is None:
        raise Invalid("没有指明签发机关，请由系统管理员设定机关事务管理部门。", code="issuer_missing")
    return found


def address(token: str) -> str:
    """Return where the document can be checked; the place alone where this installation has no address set."""
    return f"{settings.ZHIGUAN_URL}/check/{token}/"


def sheet(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template reads, from the columns of a document; the seal is added when it is made."""
    day, until = row["issued_on"], row["valid_until"]
    data = {
        **row["values"], "title": row["values"].get("title") or row["kind_name"], "number": row["number"],
        "issuer": row["issuer_name"], "date": day_text(day), "qr": square(address(row["token"])),
        "code": row["code"], "kind": row["kind_name"],
    }  # fmt: skip
    if until:
        data["valid_until"] = day_text(until)
    if row["demo"]:
        data["demo"] = True
    return data


def day_text(day: date) -> str:
    """Return a date as official documents write it."""
    return f"{day.year}年{day.month}月{day.day}日"


def proof(kind: DocumentKind, row: Mapping[str, Any]) -> None:
    """Set the document once before it is issued: what cannot be printed is refused now, not found out afterwards."""
    trial = {**row, "number": numbers.text(kind, row["year"], 9999)}
    typesetting.pdf(kind.template, sheet(trial), row["issued_at"])


@transaction.atomic
def revoke(actor: Actor, document: OutcomeDocument, *, reason: str) -> OutcomeDocument:
    """撤销文书: from now on the check page says so. The issuing organ may; the number stays used."""
    actor.require(REVOKE, document.issuer_pos)
    with system("documents.revoke").acting():
        return ledger.move(document, "revoke", actor, reason=reason, ended_at=timezone.now(), end_reason=reason)


@transaction.atomic
def supersede(
    actor: Actor, document: OutcomeDocument, values: Mapping[str, Any], *, reason: str, case: str = ""
) -> OutcomeDocument:
    """替代文书: issue a corrected document of the same kind about the same subject; the old one ends in that moment.

    ``values`` are those that change; everything else is taken over. Returns the new document.
    """
    actor.require(REVOKE, document.issuer_pos)
    with system("documents.supersede").acting():
        ended = ledger.move(
            document, "supersede", actor, reason=reason, ended_at=timezone.now(), end_reason=reason, case=document.case
        )
        new = issue(
            actor, ended.kind, {**ended.values, **values}, subject=_Subject(ended), unit=ended.unit, persons=ended.persons,
            case=case or ended.case, issuer=ended.issuer, label=ended.subject_label, reason=reason,
        )  # fmt: skip
        OutcomeDocument.objects.filter(pk=ended.pk).update(successor=new)
    document.refresh_from_db()
    return new


class _Subject:
    """The subject of an earlier document, known by its reference alone."""

    def __init__(self, document: OutcomeDocument) -> None:
        self.pk = document.subject_id
        self._meta = type("Meta", (), {"label_lower": document.subject_type})
