"""Tests that every declared page inherits: subclass in a line's ``tests/test_pages.py``, set ``page``, give ``case``.

class TestVehicles(ListPageConformance):
    page = VEHICLES

    @pytest.fixture
    def case(self, world, make_actor):
        return Case(actor=..., make=lambda: ..., make_elsewhere=lambda: ...)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils.functional import SimpleLazyObject
from openpyxl import Workbook, load_workbook

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.desk import Todo
from zhiguan.kit.errors import Refusal
from zhiguan.kit.rowscope.declare import ByUnit
from zhiguan.kit.square import square

from . import markup
from .declare import DetailPage, FormPage, ImportPage, ListPage, Page
from .guard import working
from .listing import Listing


@dataclass
class Case:
    """A small world for one page.

    ``actor`` holds every permission of the page and its acts over one unit; ``make()`` makes a row there and
    ``make_elsewhere()`` one that this actor must not see. ``text(row)`` is a search that finds the row.
    ``values(row)`` are form values that are accepted (row None: a new one). ``import_rows`` are good rows of an import
    by heading; ``bad_row`` one that its rules refuse; ``count()`` how many rows there are of what is imported.
    ``english`` are Latin texts that belong on the page (names of standards and the like).
    """

    actor: Actor
    make: Callable[[], Any] | None = None
    make_elsewhere: Callable[[], Any] | None = None
    text: Callable[[Any], str] | None = None
    values: Callable[[Any], Mapping[str, Any]] | None = None
    import_rows: Sequence[Mapping[str, Any]] = ()
    bad_row: Mapping[str, Any] = field(default_factory=dict)
    count: Callable[[], int] | None = None
    english: tuple[str, ...] = ()

    def row(self) -> Any:
        assert self.make is not None
        return self.make()

    def elsewhere(self) -> Any:
        assert self.make_elsewhere is not None
        return self.make_elsewhere()


class Visitor:
    """Opens pages as an actor, without a browser and without sign-in; keeps a session from page to page."""

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor
        self.session = import_module(settings.SESSION_ENGINE).SessionStore()
        self.messages: list[str] = []

    def get(self, url: str, data: Mapping[str, Any] | None = None, **headers: Any) -> HttpResponseBase:
        return self._send(RequestFactory().get(url, data or {}, headers=headers or None))

    def post(self, url: str, data: Mapping[str, Any] | None = None) -> HttpResponseBase:
        return self._send(RequestFactory().post(url, data or {}))

    def _send(self, request: Any) -> HttpResponseBase:
        from django.contrib.auth.models import AnonymousUser

        request.actor, request.session, request.user = self.actor, self.session, SimpleLazyObject(AnonymousUser)
        request._messages = FallbackStorage(request)
        match = resolve(request.path_info)
        request.resolver_match = match
        try:
            if self.actor is None:
                return match.func(request, *match.args, **match.kwargs)
            with self.actor.acting():
                return match.func(request, *match.args, **match.kwargs)
        except Refusal as refusal:
            return HttpResponse(refusal.message, status=refusal.status)
        finally:
            self.messages = [str(message) for message in request._messages._queued_messages]


def html(answer: HttpResponseBase) -> str:
    """Return the answer's text."""
    assert isinstance(answer, HttpResponse)
    return answer.content.decode()


def bytes_of(answer: HttpResponseBase) -> bytes:
    """Return the whole body of a download."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]


def without(actor: Actor) -> Actor:
    """Return the same actor without any permission."""
    return replace(actor, permissions={})


def queries(visitor: Visitor, url: str) -> list[str]:
    """Return the queries one visit makes."""
    with CaptureQueriesContext(connection) as captured:
        assert visitor.get(url).status_code == 200
    return [entry["sql"] for entry in captured]


def assert_same_queries(before: list[str], after: list[str]) -> None:
    """More rows must not mean more queries."""
    assert len(before) == len(after), "queries grow with the rows:\n" + "\n".join(after)


class _PageConformance:
    page: Page

    @pytest.fixture
    def url(self, case: Case) -> str:
        if "<int:pk>" in self.page.path:
            return reverse(self.page.url_name, kwargs={"pk": case.row().pk})
        return reverse(self.page.url_name)

    def test_without_sign_in_leads_to_it(self, url: str) -> None:
        answer = Visitor(None).get(url)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, settings.LOGIN_URL)

    def test_without_permission_is_refused(self, case: Case, url: str) -> None:
        if self.page.permission == "*":
            pytest.skip("登录即可打开的页面没有权限点")
        assert Visitor(without(case.actor)).get(url).status_code == 403
        assert Visitor(without(case.actor)).post(url).status_code in (403, 405)

    def test_markup(self, case: Case, url: str) -> None:
        assert markup.faults(html(Visitor(case.actor).get(url)), allowed=case.english) == []


class ListPageConformance(_PageConformance):
    """What every list must do. Needs ``make`` and ``make_elsewhere``; ``text`` when the list can be searched."""

    page: ListPage

    def keys(self, case: Case, query: str = "") -> list[int]:
        from django.http import QueryDict

        with working(case.actor):
            return [row.pk for row in Listing(self.page, case.actor, QueryDict(query), size_kept=100).shown]

    def test_shows_rows_in_scope_and_no_others(self, case: Case) -> None:
        mine, other = case.row(), case.elsewhere()
        keys = self.keys(case)
        assert mine.pk in keys and other.pk not in keys

    def test_without_a_frame_there_are_no_rows(self, case: Case) -> None:
        case.row()
        with working(case.actor):
            model = self.page.rows(case.actor).model
        if not isinstance(getattr(model, "row_rule", None), ByUnit):
            pytest.skip("该表不按单位隔离（Shared 或 Custom）")
        with working(without(case.actor)):
            assert list(self.page.rows(case.actor)) == []

    def test_queries_do_not_grow_with_rows(self, case: Case, url: str) -> None:
        visitor = Visitor(case.actor)
        case.row()
        visitor.get(url)
        before = queries(visitor, url)
        case.row()
        case.row()
        assert_same_queries(before, queries(visitor, url))

    def test_export_is_what_is_shown(self, case: Case, url: str) -> None:
        if not self.page.export_name:
            pytest.skip("该列表不提供导出")
        for _ in range(3):
            case.row()
        case.elsewhere()
        visitor = Visitor(case.actor)
        with working(case.actor):
            from django.http import QueryDict

            listing = Listing(self.page, case.actor, QueryDict())
            wanted = [[_exported(column.export_value(row)) for column in listing.columns] for row in listing.rows]
        text = bytes_of(visitor.get(url, {"_export": "csv"})).decode("utf-8-sig")
        assert [line for line in csv.reader(io.StringIO(text))][1:] == wanted
        sheet = load_workbook(io.BytesIO(bytes_of(visitor.get(url, {"_export": "xlsx"})))).active
        assert sheet is not None and sheet.max_row == len(wanted) + 1

    def test_search_finds_the_row_and_nonsense_finds_nothing(self, case: Case) -> None:
        if not self.page.search or case.text is None:
            pytest.skip("该列表没有关键词搜索")
        from urllib.parse import urlencode

        row = case.row()
        assert row.pk in self.keys(case, urlencode({"q": case.text(row)}))
        assert self.keys(case, urlencode({"q": "绝无此物qqxxzz"})) == []

    def test_every_filter_works_and_narrows(self, case: Case, url: str) -> None:
        case.row()
        visitor, everything = Visitor(case.actor), set(self.keys(case))
        with working(case.actor):
            from django.http import QueryDict

            applied = Listing(self.page, case.actor, QueryDict()).applied
        for item in applied:
            values = [option.value for option in item.options[:5]] or ["2026-01-01", "1"]
            for parameter in item.filter.parameters:
                assert visitor.get(url, {parameter: values[0]}).status_code == 200
                for value in values:
                    assert set(self.keys(case, f"{parameter}={value}")) <= everything

    def test_bad_input_never_breaks_the_page(self, case: Case, url: str) -> None:
        case.row()
        visitor = Visitor(case.actor)
        names = [name for item in self.page.filters for name in item.parameters]
        names += ["q", "page", "size", "sort", "tab", "_export"]
        values = ("'; DROP TABLE x; --", "\x00", "9" * 400, "-1", "1e309", "0000-99-99", "%_\\", "𠮷" * 200)
        for value in values:
            assert visitor.get(url, dict.fromkeys(names, value)).status_code == 200, value
        for place, name in enumerate(names):  # each alone as well: one parameter may hide what another breaks
            value = values[place % len(values)]
            assert visitor.get(url, {name: value}).status_code == 200, (name, value)

    def test_work_that_waits_is_told_on_the_desk(self, case: Case) -> None:
        todos = [todo for todo in registry.current().all(Todo) if todo.page == self.page.url_name]
        if not todos:
            pytest.skip("该列表没有待办")
        case.row()
        for todo in todos:
            with working(case.actor):
                for row in todo.rows(case.actor)[:5]:
                    assert todo.title_of(row) and todo.detail_of(row) and reverse(todo.url_name, args=[row.pk])

    def test_every_sort_works(self, case: Case, url: str) -> None:
        case.row()
        for column in self.page.columns:
            if column.order_path:
                assert Visitor(case.actor).get(url, {"sort": column.name}).status_code == 200
                assert Visitor(case.actor).get(url, {"sort": f"-{column.name}"}).status_code == 200

    def test_bulk_acts_leave_rows_out_of_scope_alone(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        from . import listview

        if not self.page.bulk_actions:
            pytest.skip("该列表没有批量办理")
        mine, other = case.row(), case.elsewhere()
        for action in self.page.bulk_actions:
            touched: list[int] = []

            def spy(actor: Actor, row: Any, touched: list[int] = touched, **values: Any) -> None:
                touched.append(row.pk)

            spied = replace(action, verb=spy, when=None)
            page = replace(self.page, bulk_actions=(spied,))
            request = RequestFactory().post(
                "/", {"_bulk": action.code, "_confirmed": "1", "reason": "测试", "pk": [mine.pk, other.pk]}
            )
            request.session, request.actor = Visitor(case.actor).session, case.actor  # type: ignore[attr-defined]
            request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
            with working(case.actor):
                listview.view(request, page, case.actor)
            assert touched == [mine.pk]

    def test_partial_answer_is_the_table_alone(self, case: Case, url: str) -> None:
        case.row()
        text = html(Visitor(case.actor).get(url, **{"HX-Request": "true", "HX-Target": "zg-list"}))
        assert 'id="zg-list"' in text and "<html" not in text


def _exported(value: Any) -> str:
    from .export import safe_text

    return safe_text(value) if isinstance(value, str) else ("" if value is None else str(value))


class DetailPageConformance(_PageConformance):
    """What every detail page must do. Needs ``make`` and ``make_elsewhere``."""

    page: DetailPage

    def test_rows_out_of_scope_do_not_exist(self, case: Case) -> None:
        other = case.elsewhere()
        visitor = Visitor(case.actor)
        assert visitor.get(reverse(self.page.url_name, kwargs={"pk": other.pk})).status_code == 404
        assert visitor.get(reverse(self.page.url_name, kwargs={"pk": 10**30})).status_code == 404
        for act in self.page.actions:
            assert visitor.get(reverse(f"{self.page.code}.{act.code}", kwargs={"pk": other.pk})).status_code == 404

    def test_every_tab_and_the_sheet_are_drawn(self, case: Case, url: str) -> None:
        visitor = Visitor(case.actor)
        tabs = {block.tab or block.title for block in self.page.panels}
        for tab in (*tabs, self.page.history_title, "没有这个页签"):
            answer = visitor.get(url, {"tab": tab})
            assert answer.status_code == 200 and markup.faults(html(answer), allowed=case.english) == []
        if self.page.print:
            sheet = html(visitor.get(url, {"print": "1"}))
            assert markup.faults(sheet, allowed=case.english) == []
            assert square(f"http://testserver{url}") in sheet  # it leads back to the row

    def test_acts_are_offered_and_open(self, case: Case, url: str) -> None:
        visitor = Visitor(case.actor)
        text = html(visitor.get(url))
        for act in self.page.actions:
            address = f"{url}{act.code}/"
            answer = visitor.get(address)
            offered = f'href="{address}"' in text
            # Not offered: the row's state does not fit (409), or the act is somebody else's (403).
            assert answer.status_code in ((200,) if offered else (403, 409)), (act.code, answer.status_code)
            if answer.status_code == 200:
                assert markup.faults(html(answer), allowed=case.english) == []

    def test_acts_need_their_permission(self, case: Case, url: str) -> None:
        for act in self.page.actions:
            if act.permission == self.page.permission:
                continue
            kept = {code: scope for code, scope in case.actor.permissions.items() if code != act.permission}
            lesser = Visitor(replace(case.actor, permissions=kept))
            assert lesser.post(f"{url}{act.code}/").status_code == 403
            assert f'href="{url}{act.code}/"' not in html(lesser.get(url))


class FormPageConformance(_PageConformance):
    """What every form page must do. Needs ``values``, and for pages about a row ``make`` and ``make_elsewhere``."""

    page: FormPage

    @pytest.fixture
    def spied(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The values the verb was given, in order; the verb still runs."""
        calls: list[Any] = []
        verb = self.page.verb

        def spy(actor: Actor, obj: Any, values: dict[str, Any]) -> Any:
            calls.append(values)
            return verb(actor, obj, values)

        object.__setattr__(self.page, "verb", spy)
        yield calls
        object.__setattr__(self.page, "verb", verb)

    @pytest.fixture
    def row(self, case: Case) -> Any:
        return case.row() if "<int:pk>" in self.page.path else None

    @pytest.fixture
    def url(self, case: Case, row: Any) -> str:
        return reverse(self.page.url_name, kwargs={"pk": row.pk} if row is not None else None)

    def hidden(self, text: str, name: str) -> str:
        return text.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]

    def test_empty_form_is_refused_in_place(self, case: Case, url: str, spied: list[Any]) -> None:
        answer = Visitor(case.actor).post(url, {})
        text = html(answer)
        required = [name for name, item in self.page.form.base_fields.items() if item.required]
        assert answer.status_code == 422 and spied == []
        for name in required:
            assert f'id="id_{name}_error"' in text
        assert markup.faults(text, allowed=case.english) == []

    def test_good_values_are_taken_once(self, case: Case, url: str, row: Any, spied: list[Any]) -> None:
        assert case.values is not None
        visitor = Visitor(case.actor)
        text = html(visitor.get(url))
        data = {**case.values(row), "_token": self.hidden(text, "_token"), "_version": self.hidden(text, "_version")}
        first = visitor.post(url, data)
        assert first.status_code == 302, markup_text(first)
        second = visitor.post(url, data)
        assert (second.status_code, second["Location"]) == (302, first["Location"])
        assert len(spied) == 1

    def test_stale_version_is_refused_and_keeps_the_input(
        self, case: Case, url: str, row: Any, spied: list[Any]
    ) -> None:
        if row is None:
            pytest.skip("新建页面没有版本")
        assert case.values is not None
        visitor = Visitor(case.actor)
        if not self.hidden(html(visitor.get(url)), "_version"):
            pytest.skip("该记录没有版本号")
        answer = visitor.post(url, {**case.values(row), "_version": "-999"})
        assert (answer.status_code, spied) == (412, [])
        assert "已被" in html(answer)

    def test_rows_out_of_scope_cannot_be_edited(self, case: Case, row: Any, spied: list[Any]) -> None:
        if row is None:
            pytest.skip("新建页面没有记录")
        other = reverse(self.page.url_name, kwargs={"pk": case.elsewhere().pk})
        visitor = Visitor(case.actor)
        assert (visitor.get(other).status_code, visitor.post(other).status_code, spied) == (404, 404, [])


def markup_text(answer: HttpResponseBase) -> str:
    """Return the readable text of an answer, for a failed test's message."""
    reader = markup._Reader()
    reader.feed(html(answer))
    return " ".join(reader.text)[:2000]


class ImportPageConformance(_PageConformance):
    """What every import must do. Needs ``import_rows``, ``bad_row`` and ``count``."""

    page: ImportPage

    def workbook(self, rows: Sequence[Mapping[str, Any]]) -> SimpleUploadedFile:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = self.page.importer.sheet
        titles = [column.title for column in self.page.importer.columns]
        sheet.append(titles)
        for row in rows:
            sheet.append([row.get(title) for title in titles])
        out = io.BytesIO()
        book.save(out)
        return SimpleUploadedFile("数据.xlsx", out.getvalue())

    def send(self, visitor: Visitor, url: str, file: SimpleUploadedFile) -> str:
        answer = visitor.post(url, {"file": file})
        assert answer.status_code == 302, markup_text(answer)
        return answer["Location"]

    def test_template_has_the_columns(self, case: Case, url: str) -> None:
        book = load_workbook(io.BytesIO(bytes_of(Visitor(case.actor).get(url, {"_template": "1"}))))
        heads = [str(cell.value).rstrip("*") for cell in book[self.page.importer.sheet][1]]
        assert heads == [column.title for column in self.page.importer.columns]

    def test_rubbish_is_refused_in_place(self, case: Case, url: str) -> None:
        visitor = Visitor(case.actor)
        for name, content in (("a.xlsx", b"PK\x03\x04rubbish"), ("a.xls", b"\x00\x01"), ("a.csv", b"\xff\xfe\x00")):
            answer = visitor.post(url, {"file": SimpleUploadedFile(name, content)})
            assert answer.status_code == 422 and "alert-danger" in html(answer)
        assert visitor.post(url).status_code == 422

    def test_one_bad_row_and_nothing_is_written(self, case: Case, url: str) -> None:
        assert case.count is not None
        visitor, before = Visitor(case.actor), case.count()
        where = self.send(visitor, url, self.workbook([*case.import_rows, case.bad_row]))
        text = html(visitor.get(where))
        assert "一条也没有导入" in text and f"第 {len(case.import_rows) + 2} 行" in text
        assert markup.faults(text, allowed=case.english) == []
        report = load_workbook(io.BytesIO(bytes_of(visitor.get(where + "&_report=1")))).active
        assert report is not None and report.cell(2, 1).value == len(case.import_rows) + 2
        assert visitor.post(url, {"_apply": where.split("t=")[1]}).status_code == 422
        assert case.count() == before

    def test_good_rows_are_written_once(self, case: Case, url: str, django_capture_on_commit_callbacks: Any) -> None:
        assert case.count is not None
        visitor, before = Visitor(case.actor), case.count()
        where = self.send(visitor, url, self.workbook(case.import_rows))
        assert case.count() == before
        assert markup.faults(html(visitor.get(where)), allowed=case.english) == []
        with django_capture_on_commit_callbacks(execute=True):
            visitor.post(url, {"_apply": where.split("t=")[1]})
        assert case.count() == before + len(case.import_rows), markup_text(visitor.get(where))
        visitor.post(url, {"_apply": where.split("t=")[1]})
        assert case.count() == before + len(case.import_rows)
        assert f"已导入 {len(case.import_rows)} 条" in html(visitor.get(where))

    def test_uploads_belong_to_their_owner(self, case: Case, url: str) -> None:
        where = self.send(Visitor(case.actor), url, self.workbook(case.import_rows))
        stranger = replace(case.actor, name="另一人", account_id=987654)
        assert Visitor(stranger).get(where).status_code == 404
