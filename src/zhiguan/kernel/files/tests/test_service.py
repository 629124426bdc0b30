from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.files import service
from zhiguan.kernel.files import store as disk
from zhiguan.kernel.files.models import StoredFile
from zhiguan.kernel.files.tests.conftest import PDF, XLSX, actor_at, make_world, png
from zhiguan.kernel.orgs.models import Establishment
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound
from zhiguan.kit.pages.conformance import Visitor, bytes_of

VIEW = {"orgs_unit_view": "below"}


def silent(percent: float, message: str = "") -> None:
    return None


silent.log = lambda line: None  # type: ignore[attr-defined]


def on_disk(media: Path) -> list[str]:
    return sorted(path.name for path in media.rglob("*") if path.is_file())


def establishment(unit) -> Establishment:
    return Establishment.objects.create(unit=unit, kind="administrative", quota=1, valid_from=timezone.localdate())


def test_equal_contents_share_their_bytes_not_their_rows(world, media) -> None:
    first = service.store(actor_at(world.zhang, **VIEW), "orgs", PDF, "批复.pdf")
    second = service.store(system("tests"), "orgs", io.BytesIO(PDF), "另一份.pdf", unit=world.two)
    third = service.store(system("tests"), "orgs", SimpleUploadedFile("表.xlsx", XLSX, "text/html"), "表.xlsx")
    digest = hashlib.sha256(PDF).hexdigest()
    assert first.digest == second.digest == digest and first.pk != second.pk
    assert on_disk(media) == sorted([digest, third.digest])
    assert disk.place(digest).read_bytes() == PDF and oct(disk.place(digest).stat().st_mode)[-3:] == "440"
    assert (first.media_type, first.size, first.scope_pos) == ("application/pdf", len(PDF), world.one.pos)
    assert third.media_type.endswith("spreadsheetml.sheet"), "the bytes count, not what the browser says"
    assert Entry.objects.filter(code="files.file.store").count() == 3


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "空.pdf", "file_empty"), (b"MZ" + bytes(99), "程序.pdf", "file_type"), (PDF, "照片.png", "file_name"),
        (b"<html></html>", "页.txt", "file_type"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "旧.doc", "file_type"),
        (b"a" * (11 * 2**20), "大.txt", "file_too_large"), (png()[:30], "图.png", "file_broken"),
    ],
)  # fmt: skip
def test_a_refused_file_leaves_nothing_behind(world, media, content, name, code) -> None:
    with pytest.raises(Invalid) as refusal:
        service.store(system("tests"), "orgs", content, name)
    assert refusal.value.code == code and "file" in refusal.value.fields
    assert not StoredFile.objects.exists() and on_disk(media) == []


def test_an_upload_that_never_ends_is_stopped(world, media) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return b"\0" * size

    source = Endless()
    service.set_limit(system("tests"), "application/zip", allowed=False, max_bytes=1000)
    with pytest.raises(Invalid, match="50 MB"):
        service.store(system("tests"), "orgs", source, "x.pdf")
    assert source.taken < 52 * 2**20 and on_disk(media) == []


def test_limits_of_the_installation_hold(world, media, make_actor) -> None:
    keeper = make_actor({"files.limit.manage": "city"})
    service.set_limit(keeper, "application/pdf", allowed=True, max_bytes=10)
    with pytest.raises(Invalid, match="10 字节"):
        service.store(system("tests"), "orgs", PDF, "批复.pdf")
    service.set_limit(keeper, "application/pdf", allowed=False, max_bytes=10**6)
    with pytest.raises(Invalid, match="PDF 文档不在允许范围内"):
        service.store(system("tests"), "orgs", PDF, "批复.pdf")
    service.set_limit(keeper, "application/x-ole-storage", allowed=True, max_bytes=10**6)
    assert service.store(system("tests"), "orgs", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "旧.DOC").name == "旧.doc"
    for media_type, size in (("application/x-msdownload", 5), ("application/pdf", 0), ("application/pdf", 2**40)):
        with pytest.raises(Invalid):
            service.set_limit(keeper, media_type, allowed=True, max_bytes=size)
    with pytest.raises(Denied):
        service.set_limit(make_actor({}), "application/pdf", allowed=True, max_bytes=10)


def test_the_virus_scanner_has_the_last_word(world, media, settings) -> None:
    seen = []

    def scan(path: Path) -> str:
        seen.append(path.read_bytes())
        return "Eicar" if b"virus" in seen[-1] else ""

    settings.ZHIGUAN_FILE_SCAN = scan
    service.store(system("tests"), "orgs", PDF, "批复.pdf")
    with pytest.raises(Invalid) as refusal:
        service.store(system("tests"), "orgs", b"virus", "说明.txt")
    assert refusal.value.code == "virus" and "Eicar" not in refusal.value.message
    settings.ZHIGUAN_FILE_SCAN = "no.such.scanner"
    with pytest.raises(Invalid) as refusal:
        service.store(system("tests"), "orgs", png(), "图.png")
    assert refusal.value.code == "scan_unavailable"
    assert seen == [PDF, b"virus"] and len(on_disk(media)) == 1


def test_who_may_upload_attach_and_detach(world) -> None:
    uploader, colleague = actor_at(world.zhang, **VIEW), actor_at(world.wang, **VIEW)
    with pytest.raises(Denied):
        service.store(actor_at(world.zhang), "orgs", PDF, "批复.pdf")
    with uploader.acting():
        file = service.store(uploader, "orgs", PDF, "批复.pdf")
    subject, other = establishment(world.one), establishment(world.two)
    with pytest.raises(Denied):
        service.attach(colleague, file, subject)
    with pytest.raises(Invalid, match="条线"):
        service.attach(uploader, file, world.zhang)
    with uploader.acting():
        service.attach(uploader, file, subject, role="批复", permission="orgs.unit.manage")
        assert list(service.attachments(subject)) == [file]
        with pytest.raises(Conflict):
            service.attach(uploader, file, other)
    with colleague.acting(), pytest.raises(Denied):
        service.detach(colleague, file, reason="误传")
    with pytest.raises(Invalid):
        service.detach(uploader, file, reason=" ")
    service.detach(uploader, file, reason="误传")
    assert not service.attachments(subject).exists()
    with pytest.raises(Conflict):
        service.detach(uploader, file, reason="误传")
    assert {"files.file.attach", "files.file.detach"} <= set(Entry.objects.values_list("code", flat=True))


def address(file: StoredFile) -> str:
    return reverse("files.file.download", kwargs={"pk": file.pk})


def test_downloads_are_scoped_traced_and_harmless(world) -> None:
    file = service.store(system("tests"), "orgs", PDF, "批复 2026.pdf", unit=world.one, permission="orgs.unit.view")
    answer = Visitor(actor_at(world.wang, **VIEW)).get(address(file))
    assert answer.status_code == 200 and bytes_of(answer) == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    assert Entry.objects.filter(code="files.file.download", kind=Entry.Kind.READ).count() == 1
    shown = Visitor(actor_at(world.wang, **VIEW)).get(address(file), {"inline": "1"})
    assert shown.headers["Content-Disposition"].startswith("inline")
    text = service.store(system("tests"), "orgs", "说明".encode(), "说明.txt", unit=world.one)
    assert Visitor(actor_at(world.wang, **VIEW)).get(address(text), {"inline": "1"}).headers[
        "Content-Disposition"
    ].startswith("attachment")
    assert Visitor(actor_at(world.li, **VIEW)).get(address(file)).status_code == 404
    assert Visitor(actor_at(world.li)).get(address(file)).status_code == 404
    assert Visitor(actor_at(world.wang, orgs_unit_manage="below")).get(address(file)).status_code == 403
    assert Visitor(None).get(address(file)).status_code == 302
    assert Visitor(actor_at(world.wang, **VIEW)).get("/files/" + "9" * 30 + "/").status_code == 404


def test_own_uploads_are_seen_wherever_they_belong(world) -> None:
    uploader = actor_at(world.zhang, **VIEW)
    with uploader.acting():
        file = service.store(uploader, "orgs", PDF, "批复.pdf", unit=world.two)
        assert service.opened(uploader, file.pk)[1].read() == PDF
    service.detach(uploader, file, reason="误传")
    with uploader.acting(), pytest.raises(NotFound):
        service.opened(uploader, file.pk)


def test_changed_and_missing_contents_are_found(world, media) -> None:
    good = service.store(system("tests"), "orgs", PDF, "好.pdf")
    bad = service.store(system("tests"), "orgs", png(), "坏.png")
    gone = service.store(system("tests"), "orgs", XLSX, "缺.xlsx")
    path = disk.place(bad.digest)
    path.chmod(0o640)
    path.write_bytes(b"changed")
    disk.place(gone.digest).unlink()
    result = service.check(system("tests"), silent)
    assert set(result["bad"]) == {bad.digest, gone.digest} and result["checked"] == 3
    assert disk.intact(good.digest)
    with pytest.raises(NotFound, match="内容缺失"):
        service.opened(system("tests"), gone.pk)
    again = service.store(system("tests"), "orgs", png(), "好.png")
    assert disk.intact(again.digest), "uploading it again mends a content of the wrong length"


@pytest.fixture
def real(committed_db):
    with system("tests").transaction():
        return make_world()


def done(verb, *args, **kwargs):
    with system("tests").transaction():
        return verb(*args, **kwargs)


def test_orphans_are_cleared_and_nothing_else(real, media) -> None:
    actor: Actor = system("files.store.clean")

    def put(content: bytes, name: str, **values) -> StoredFile:
        file = done(service.store, actor, "orgs", content, name, unit=real.one)
        done(StoredFile.objects.filter(pk=file.pk).update, **values)
        return file

    old = timezone.now() - timedelta(days=31)
    fresh = put(PDF, "新.pdf")
    shared = put(PDF, "旧.pdf", uploaded_at=old)
    orphan = put(png(), "无主.png", uploaded_at=old)
    kept = put(XLSX, "在用.xlsx", uploaded_at=old, subject_type="orgs.establishment", subject_id=1)
    detached = put(b"abc", "移除.txt", uploaded_at=old, subject_id=1, detached_at=old)
    lately = put(b"abcd", "刚移除.txt", uploaded_at=old, subject_id=1, detached_at=timezone.now())
    left = media / "arriving" / "tmpx"
    left.write_bytes(b"half")
    os.utime(left, (time.time() - 10**6,) * 2)
    result = done(service.clean, actor, silent)
    assert (result["files"], result["contents"], result["stale"]) == (3, 2, 1)
    assert on_disk(media) == sorted({fresh.digest, kept.digest, lately.digest})
    with system("tests").transaction():
        assert set(StoredFile.objects.values_list("pk", flat=True)) == {fresh.pk, kept.pk, lately.pk}
        assert Entry.objects.filter(code="files.file.purge").count() == 3
    assert {shared.pk, orphan.pk, detached.pk} & {fresh.pk} == set()


def test_a_rolled_back_upload_is_cleared_but_not_one_that_is_under_way(real, media) -> None:
    with pytest.raises(RuntimeError, match="undone"), system("tests").transaction():
        service.store(system("tests"), "orgs", PDF, "批复.pdf")
        raise RuntimeError("undone")
    assert len(on_disk(media)) == 1
    stored, go_on = threading.Event(), threading.Event()

    def upload() -> None:
        with system("tests").transaction():
            service.store(system("tests"), "orgs", PDF, "批复.pdf")
            stored.set()
            go_on.wait(10)
        connections.close_all()

    thread = threading.Thread(target=upload)
    thread.start()
    assert stored.wait(10)
    threading.Timer(0.5, go_on.set).start()
    done(service.clean, system("files.store.clean"), silent)  # waits for the upload, then sees its row
    thread.join(10)
    assert len(on_disk(media)) == 1
    done(StoredFile.objects.all().delete)
    done(service.clean, system("files.store.clean"), silent)
    assert on_disk(media) == []
