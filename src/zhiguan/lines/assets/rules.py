"""What supervision reads of disposals: who appraised, and who got what was disposed of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from zhiguan.kernel.supervision.declare import Award, Awards, SubjectLink

from .codes import DisposalKind
from .models import Disposal


def _link(disposal: Disposal) -> dict[str, object]:
    return {"type": "assets.disposal", "id": disposal.pk, "label": disposal.code}


def appraisals(start: date, end: date) -> Iterator[Award]:
    rows = Disposal.objects.filter(decided_on__gte=start, decided_on__lt=end).exclude(appraiser="")
    for row in rows.exclude(state="revoked").select_related("unit"):
        yield Award(row.unit, row.appraiser, row.decided_on, _link(row), row.appraised_yuan, row.case)


def takers(start: date, end: date) -> Iterator[Award]:
    """Whom scrapped and sold assets went to; organs that were given some, and receivers of gifts, are no suppliers."""
    rows = Disposal.objects.filter(
        kind__in=(DisposalKind.SCRAP, DisposalKind.TRANSFER), executed_on__gte=start, executed_on__lt=end
    ).exclude(receiver="")
    for row in rows.select_related("unit"):
        assert row.executed_on is not None  # asked for above
        yield Award(row.unit, row.receiver, row.executed_on, _link(row), row.proceeds_yuan, row.case)


AWARDS = (
    Awards("assets.appraisals", "资产评估", "评估机构", appraisals),
    Awards("assets.takers", "资产报废回收和转让", "回收单位或受让人", takers),
)
LINKS = (SubjectLink("assets.disposal", "assets.disposal.detail"),)
