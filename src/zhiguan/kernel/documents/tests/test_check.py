"""核验 without sign-in: validity and nothing more, no difference between one wrong guess and another, not too often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from zhiguan.kernel.documents import checkviews, service
from zhiguan.kernel.documents.models import OutcomeDocument
from zhiguan.kernel.files import store as disk
from zhiguan.kit.actor import system
from zhiguan.kit.pages import markup

from .conftest import CERTIFIED, VALUES, issue, produce


@pytest.fixture(autouse=True)
def fresh() -> None:
    checkviews._kept.clear()


@pytest.fixture
def made(world):
    return produce(issue(world, case="G4-SECRET", persons=[71], values={**VALUES, "paragraphs": ["张三的私事。"]}))


def text(answer) -> str:
    return answer.content.decode()


def pdf(document) -> bytes:
    return disk.place(document.digest).read_bytes()


def test_the_address_in_the_square_shows_validity_and_nothing_more(made, client: Client):
    answer = client.get(f"/check/{made.token}/")
    shown = text(answer)
    assert answer.status_code == 200 and "有效" in shown
    day = timezone.localtime(made.issued_at)
    for known in (
        made.number,
        made.kind_name,
        made.issuer_name,
        f"{day.year}年{day.month}月{day.day}日",
        made.digest[:16],
    ):
        assert known in shown, known
    for secret in ("张三", "甲局", "乙局", made.title, "G4-SECRET", made.code, made.digest, made.subject_label, "G4"):
        assert secret not in shown, secret
    assert answer["Cache-Control"].startswith("no-store") and "noindex" in answer["X-Robots-Tag"]
    assert "sessionid" not in answer.cookies
    assert markup.faults(shown, allowed=("PDF",)) == []


def test_unknown_tokens_look_alike(made, client: Client):
    tokens = ["A" * 26, made.token[:-1] + ("A" if made.token[-1] != "A" else "B"), "x", "1", str(made.pk), "%E4%B8%AD"]
    answers = [client.get(f"/check/{token}/") for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    bodies = {text(answer).split("<body", 1)[1] for answer in answers}
    assert len(bodies) == 1 and "没有查到" in bodies.pop()


def test_number_and_code_together(made, client: Client):
    typed = made.code.lower().replace("-", " ")
    assert "有效" in text(client.post("/check/", {"number": f" {made.number} ", "code": typed}))
    western = made.number.replace("〔", "[").replace("〕", "]")
    assert made.issuer_name in text(client.post("/check/", {"number": western, "code": made.code}))
    wrong = [{"number": made.number, "code": "ABCD-EFGH-JKLM"}, {"number": "沪〔2026〕999号", "code": made.code},
             {"number": "\0'; --", "code": "\0"}, {"number": made.number, "code": "-"}]  # fmt: skip
    for values in wrong:
        answer = client.post("/check/", values)
        assert "没有查到" in text(answer) and made.issuer_name not in text(answer), values
    assert "请填写文号和核验码" in text(client.post("/check/", {"number": made.number}))
    assert client.put("/check/").status_code == 405


def test_revoked_superseded_and_expired_show_at_once(world, made, client: Client):
    service.revoke(system("tests"), made, reason="内部事由不外示")
    shown = text(client.get(f"/check/{made.token}/"))
    assert "已撤销" in shown and "内部事由" not in shown and "失效日期" in shown
    old = produce(issue(world))
    new = service.supersede(system("tests"), old, {"paragraphs": ["更正。"]}, reason="笔误")
    assert "已被新文书替代" in text(client.get(f"/check/{old.token}/"))
    assert new.number not in text(client.get(f"/check/{old.token}/"))
    assert "制作中" in text(client.get(f"/check/{new.token}/"))
    licence = produce(issue(world, CERTIFIED))
    OutcomeDocument.objects.filter(pk=licence.pk).update(valid_until=timezone.localdate() - timedelta(days=1))
    assert "已过有效期" in text(client.get(f"/check/{licence.token}/"))


def test_a_file_is_compared_byte_by_byte_and_not_kept(made, world, client: Client, places):
    whole = pdf(made)
    before = sorted(path.name for path in places.rglob("*") if path.is_file())
    same = client.post("/check/", {"file": SimpleUploadedFile("改名.pdf", whole)})
    assert made.number in text(same) and "完全一致" in text(same)
    assert "完全一致" in text(client.post(f"/check/{made.token}/", {"file": SimpleUploadedFile("a.pdf", whole)}))
    changed = whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:]
    assert "不一致" in text(client.post("/check/", {"file": SimpleUploadedFile("a.pdf", changed)}))
    other = produce(issue(world))
    answer = text(client.post(f"/check/{made.token}/", {"file": SimpleUploadedFile("a.pdf", pdf(other))}))
    assert "不一致" in answer and other.number not in answer
    assert not set(before) - {path.name for path in places.rglob("*") if path.is_file()}
    assert not list(places.rglob("arriving/*"))


def test_a_file_too_large_is_refused_before_it_is_read(made, client: Client, monkeypatch):
    monkeypatch.setattr(checkviews, "MOST_BYTES", 1000)
    answer = client.post("/check/", {"file": SimpleUploadedFile("a.pdf", bytes(2000))})
    assert "文件过大" in text(answer)


def test_guessing_is_slowed_down_sooner_than_checking(made, client: Client, settings):
    settings.ZHIGUAN_CHECK_PER_MINUTE = 20
    answers = [client.get("/check/" + "A" * 26 + "/").status_code for _ in range(8)]
    assert answers[:4] == [404] * 4 and answers[-1] == 429
    slow = client.get(f"/check/{made.token}/")
    assert slow.status_code == 429 and int(slow["Retry-After"]) > 0 and made.number not in text(slow)
    other = client.get(f"/check/{made.token}/", REMOTE_ADDR="192.0.2.7")
    assert other.status_code == 200, "one address does not shut out another"


def test_a_square_that_is_no_address_of_ours_tells_nothing(client: Client, db):
    assert client.get("/check/../admin/").status_code in (302, 404)
    assert client.get("/check/" + "A" * 4000 + "/").status_code == 404
