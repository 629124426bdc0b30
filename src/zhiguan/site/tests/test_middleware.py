"""What every request passes: compression that tells nothing by its length, and the note of where a session is used."""

from __future__ import annotations

import gzip
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from zhiguan.site import middleware, urls

TEXT = "车辆台账 " * 500


def sent(content_type: str, body: str = TEXT, **headers: str) -> HttpResponse:
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    answer = HttpResponse(body, content_type=content_type, headers=headers)
    return middleware.CompressionMiddleware(lambda _: answer)(request)


@pytest.mark.parametrize(
    "kind", ["text/html; charset=utf-8", "application/json", "application/problem+json", "text/csv"]
)
def test_text_is_sent_compressed(kind: str) -> None:
    answer = sent(kind, ETag='"7"')
    assert answer["Content-Encoding"] == "gzip" and gzip.decompress(answer.content).decode() == TEXT
    assert answer["Vary"] == "Accept-Encoding" and answer["ETag"] == 'W/"7"'
    assert len(answer.content) < len(TEXT) / 5


def test_files_and_short_answers_are_left_alone() -> None:
    assert "Content-Encoding" not in sent("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    assert "Content-Encoding" not in sent("text/html", "短")


def test_the_length_of_the_same_page_differs() -> None:
    assert len({len(sent("text/html").content) for _ in range(30)}) > 5


def test_a_session_is_noted_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(
        "allauth.usersessions.models.UserSession.objects.create_from_request",
        lambda request, **_: noted.append(request),
    )
    handler = middleware.SessionTrackMiddleware(lambda request: HttpResponse("ok"))
    now = 60_000.0
    monkeypatch.setattr(middleware.time, "time", lambda: now)

    class Session(dict):
        session_key = "abc"

    session, account = Session(), SimpleNamespace(is_authenticated=True)

    def visit(cookie: bool = True) -> Any:
        request = RequestFactory().get("/")
        request.session, request.user = session, account
        if cookie:
            request.COOKIES[settings.SESSION_COOKIE_NAME] = "abc"
        handler(request)
        return request

    visit(cookie=False)
    assert not noted, "no cookie: nobody's session, a key's request"
    request = visit()
    assert len(noted) == 1
    middleware._keep_awake(request)
    visit()
    now += 59
    visit()
    assert len(noted) == 1
    now += 2
    visit()
    assert len(noted) == 2


@pytest.mark.parametrize(
    ("why", "seen"), [(OperationalError("gone"), OperationalError), (DatabaseError("no row"), SessionInterrupted)]
)
def test_a_session_that_cannot_be_written_is_no_bad_request(why: Exception, seen: type[Exception]) -> None:
    """The database went away: a failure, to be tried again. The session was ended meanwhile: the request came too late."""

    class Broken(SessionBase):
        def load(self) -> dict[str, Any]:
            return {}

        def save(self, must_create: bool = False) -> None:
            try:
                raise why
            except DatabaseError:
                raise UpdateError  # noqa: B904 -- as Django's own

    request = RequestFactory().get("/")
    request.session = Broken("k" * 32)
    request.session["a"] = 1
    with pytest.raises(seen):
        middleware.SessionMiddleware(lambda _: HttpResponse()).process_response(request, HttpResponse())


def test_without_the_database_the_error_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server is not there")

    monkeypatch.setattr(urls, "render", away)  # as when the page's frame asks the database
    request = RequestFactory().get("/")
    request.request_id = "R-1"
    answer = urls.failed(request)
    assert answer.status_code == 503
    assert "暂时连接不上数据库" in answer.content.decode() and "R-1" in answer.content.decode()


def test_a_bad_request_is_told_to_programs_by_its_code() -> None:
    answer = urls.bad_request(RequestFactory().get("/api/v1/x"), Exception())
    assert answer.status_code == 400 and b"bad_request" in answer.content
    assert urls.handler400 is urls.bad_request
