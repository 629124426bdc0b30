"""Making the PDF of an issued document, exactly once: set, sealed, signed, kept by its content.

Done by a job that is asked for in the transaction that issues: it exists if and only if the document does. The job's
work and the note that it is done are one transaction under a lock on the row, so a worker that is killed leaves at most
a content nobody refers to, which the nightly cleaning removes, and whoever takes the job up again makes the document.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db.models import Q

from zhiguan.kernel.events import service as events
from zhiguan.kernel.files import service as files
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict

from . import sealing, signing, stamping, typesetting
from .codes import VIEW
from .issuing import PRODUCE, kind_of, sheet
from .models import OutcomeDocument, Seal
from .seals import seal_for

log = logging.getLogger("zhiguan.documents")

PREVIEW_PAGES = 6
DEMO_MM = 42
WAITING_FOR_SEAL = "等待用印：签发机关还没有在用的电子印章。"


def produce(actor: Actor, report: Any, *, document: int) -> dict[str, Any]:
    """制作文书: the work of one job. A document that is made already, or was revoked meanwhile, is left alone."""
    row = OutcomeDocument.objects.select_for_update(of=("self",)).select_related("issuer", "unit").get(pk=document)
    if row.state != "making":
        return {"message": f"{row.number} 无需制作"}
    kind = kind_of(row.kind)
    seal = seal_for(row.issuer, kind.seal)
    if seal is None and not row.demo:
        OutcomeDocument.objects.filter(pk=row.pk).update(problem=WAITING_FOR_SEAL)
        return {"message": WAITING_FOR_SEAL}
    data = {**sheet(columns(row)), "seal": picture(row, seal)}
    plain = typesetting.pdf(kind.template, data, row.issued_at)
    pages = typesetting.pictures(kind.template, data)
    signed, identity, stamp = _signed(plain, f"签发{row.kind_name} {row.number}")
    made = files.store(actor, row.area, signed, f"{row.number} {row.title[:60]}.pdf", unit=row.unit, permission=VIEW)
    files.attach(actor, made, row, role="document")
    for number, page in enumerate(pages[:PREVIEW_PAGES], 1):
        picture_file = files.store(actor, row.area, page, f"第{number}页.png", unit=row.unit, permission=VIEW)
        files.attach(actor, picture_file, row, role=f"page-{number}")
    ledger.move(
        row, "produce", actor, file=made, digest=made.digest, size=made.size, pages=len(pages), seal=seal,
        signed_by=identity.name, stamped_at=stamp.at if stamp else None, stamped_by=stamp.by if stamp else "",
        problem=stamping.WAITING if settings.ZHIGUAN_TSA_URL and not stamp else "",
    )  # fmt: skip
    return {"message": f"{row.number} 已制作"}


def _signed(plain: bytes, reason: str) -> tuple[bytes, signing.Identity, stamping.Stamp | None]:
    """Sign, with trusted time when there is an authority and it answers; without it rather than not at all."""
    stamper = stamping.stamper()
    if stamper is not None:
        try:
            signed, identity = signing.sign(plain, reason=reason, place=settings.ZHIGUAN_CITY, stamper=stamper)
            return signed, identity, stamping.read(stamper.last)
        except stamping.Unavailable as error:
            log.warning("time stamping authority: %s", error)
    signed, identity = signing.sign(plain, reason=reason, place=settings.ZHIGUAN_CITY)
    return signed, identity, None


def columns(row: OutcomeDocument) -> dict[str, Any]:
    """Return the columns that the sheet is made from."""
    names = ("values", "kind_name", "number", "issuer_name", "issued_on", "valid_until", "token", "code", "demo")
    return {name: getattr(row, name) for name in names}


def picture(row: OutcomeDocument, seal: Seal | None) -> dict[str, Any]:
    """Return the seal for the template: the organ's own, or in the demo city one that says what it is."""
    if seal is None:
        return {"svg": sealing.demo(row.issuer_name), "mm": DEMO_MM}
    with files.read(seal.file) as content:
        return {"svg": sealing.framed(content.read(), seal.file.media_type), "mm": seal.diameter_mm}


def resume(limit: int = 500) -> str:
    """Ask again for documents that are still being made: those that waited for a seal which is in use now, and those
    whose job failed for good. One that still waits for a seal is left waiting."""
    asked = 0
    with system("documents.resume").transaction():
        sealed = Seal.objects.filter(state="active").values("unit_id")
        rows = OutcomeDocument.objects.filter(~Q(problem=WAITING_FOR_SEAL) | Q(issuer_id__in=sealed), state="making")
        for key, number in list(rows.order_by("pk").values_list("pk", "number")[:limit]):
            try:
                events.enqueue(
                    system("documents.resume"), PRODUCE, {"document": key}, f"制作文书 {number}", key=str(key)
                )
                asked += 1
            except Conflict:  # it waits or is at work
                continue
    return f"重新提交 {asked} 份待制作文书" if asked else ""
