"""Refusals: what a verb raises when it will not act. One place turns them into pages and problem+json."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import PermissionDenied


class Refusal(Exception):
    """A verb refused, and nothing was changed.

    ``code`` is stable and English; ``message`` is Chinese and says what to do; ``fields`` maps a field's path to its
    own message, which is shown beside it; ``places`` says for paths within tables which row they are in, for whoever
    reads the message elsewhere (``listed``). ``status`` is the HTTP status an edge answers with.
    """

    status = 400
    code = "refused"

    def __init__(
        self, message: str, *, code: str = "", fields: Mapping[str, str] | None = None,
        places: Mapping[str, str] | None = None,
    ):  # fmt: skip
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.fields = dict(fields or {})
        self.places = dict(places or {})

    def listed(self) -> list[tuple[str, str]]:
        """Return (path, message) of each field, the message with the place it is about."""
        return [
            (path, f"{self.places[path]}：{text}" if path in self.places else text) for path, text in self.fields.items()
        ]


class Denied(Refusal, PermissionDenied):
    """权限不足: the actor may not do this, or not to this row."""

    status = 403
    code = "denied"


class NotFound(Refusal):
    """不存在或不在数据权限范围内: the two are not told apart, on purpose."""

    status = 404
    code = "not_found"


class Conflict(Refusal):
    """The row is not in the state or version the act needs; somebody else was faster."""

    status = 409
    code = "conflict"


class Stale(Conflict):
    """The form or ETag was made from an older version of the row."""

    status = 412
    code = "stale"


class Invalid(Refusal):
    """Input that breaks a rule; ``fields`` says which."""

    status = 422
    code = "invalid"
