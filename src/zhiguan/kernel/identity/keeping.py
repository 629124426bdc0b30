"""Where saved filters and answers to idempotent requests are kept: the kit's seams, filled with tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.api.ports import Answer
from zhiguan.kit.errors import Denied
from zhiguan.kit.pages.ports import SavedView

from .models import KeptAnswer, SavedFilter

KEPT_FOR = timedelta(hours=24)
VIEWS_PER_PAGE = 20


class TableAnswers:
    """Answers in the database, in the request's own transaction; they are forgotten after a day."""

    def find(self, actor: Actor, key: str) -> Answer | None:
        """Return the answer kept; waits for another request with the same key that is still at work."""
        account = _account(actor)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"zg.api {account} {key}"])
        KeptAnswer.objects.filter(account_id=account, created_at__lt=timezone.now() - KEPT_FOR).delete()
        kept = KeptAnswer.objects.filter(account_id=account, key=key).first()
        return None if kept is None else Answer(kept.digest, kept.status, kept.headers, bytes(kept.body))

    def keep(self, actor: Actor, key: str, answer: Answer) -> None:
        KeptAnswer.objects.create(
            account_id=_account(actor), key=key, digest=answer.digest, status=answer.status,
            headers=dict(answer.headers), body=answer.body,
        )  # fmt: skip


def _account(actor: Actor) -> int:
    if actor.account_id is None:
        raise Denied("只有账号可以使用 Idempotency-Key。", code="no_account")
    return actor.account_id


class TableViews:
    """Saved filters of an account, on every device."""

    def all(self, request: HttpRequest, page: str) -> Sequence[SavedView]:
        found = SavedFilter.objects.filter(account_id=request.actor.account_id, page=page)  # type: ignore[attr-defined]
        return [SavedView(str(each.pk), each.name, each.query) for each in found[:VIEWS_PER_PAGE]]

    def save(self, request: HttpRequest, page: str, name: str, query: str) -> SavedView:
        account = _account(request.actor)  # type: ignore[attr-defined]
        kept, _ = SavedFilter.objects.update_or_create(account_id=account, page=page, name=name, defaults={"query": query})
        return SavedView(str(kept.pk), kept.name, kept.query)

    def delete(self, request: HttpRequest, page: str, key: str) -> None:
        account = _account(request.actor)  # type: ignore[attr-defined]
        if key.isascii() and key.isdigit() and len(key) < 19:
            SavedFilter.objects.filter(account_id=account, page=page, pk=int(key)).delete()
