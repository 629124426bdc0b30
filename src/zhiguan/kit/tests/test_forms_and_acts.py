"""Forms and acts in use: refusals in place, the other person's change, two clicks at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction

from zhiguan.kit.pages import once
from zhiguan.kit.pages.conformance import Visitor, html


def test_a_refusal_stands_at_the_field_it_names(world: SimpleNamespace) -> None:
    person = world.person(world.home)
    answer = Visitor(world.actor).post(f"/sample/person/{person.pk}/duty/", {"duty": "局长"})
    assert answer.status_code == 422
    assert '<div class="zg-field-error" id="id_duty_error" role="alert"><div>该职务须经任免程序</div>' in html(answer)


def test_an_act_is_refused_when_the_row_has_moved_on(world: SimpleNamespace) -> None:
    person = world.person(world.home, active=False)
    answer = Visitor(world.actor).post(f"/sample/person/{person.pk}/retire/", {"reason": "调离"})
    assert answer.status_code == 409 and "当前状态不能办理" in html(answer)


def test_the_stale_form_shows_both_values_and_can_be_sent_again(world: SimpleNamespace) -> None:
    person = world.person(world.home, duty="科员")
    visitor = Visitor(world.actor)
    values = {"name": person.name, "duty": "处长", "unit": world.home.pk, "sort": "1", "active": "on"}
    world.Person.objects.filter(pk=person.pk).update(duty="副处长")
    url = f"/sample/person/{person.pk}/edit/"
    answer = visitor.post(url, {**values, "_version": "科员"})
    text = html(answer)
    assert answer.status_code == 412
    assert "王芳" in text and "<td>副处长</td><td>处长</td>" in text and 'name="_version" value="副处长"' in text
    assert visitor.post(url, {**values, "_version": "副处长"}).status_code == 302
    person.refresh_from_db()
    assert person.duty == "处长"


def test_required_fields_say_what_to_do(world: SimpleNamespace) -> None:
    text = html(Visitor(world.actor).post("/sample/person/new/", {}))
    assert "请填写“姓名”" in text and "请选择“单位”" in text


def test_units_out_of_scope_cannot_be_chosen(world: SimpleNamespace) -> None:
    answer = Visitor(world.actor).post("/sample/person/new/", {"name": "甲", "unit": world.away.pk})
    assert answer.status_code == 422 and 'id="id_unit_error"' in html(answer)


def test_two_clicks_at_once_act_once(committed_db: Any) -> None:
    session = SessionStore()
    session.create()
    key, acted, barrier = session.session_key, [], threading.Barrier(2)

    def click(name: str) -> None:
        request: Any = SimpleNamespace(session=SessionStore(session_key=key))
        request.session.get("loaded")
        barrier.wait()
        try:
            with transaction.atomic():
                if once.ended_at(request, "token") is None:
                    acted.append(name)
                    once.ended(request, "token", "/done/")
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(acted) == 1
