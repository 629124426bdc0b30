"""The inherited tests of the pages, and who sees what of documents and seals."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.documents import queries, seals, service
from zhiguan.kernel.documents.models import Seal
from zhiguan.kernel.documents.pages import DETAIL, LIST, NEW_SEAL, SEAL_PAGE, SEALS
from zhiguan.kernel.files.tests.conftest import png
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import Scope, system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    bytes_of,
    html,
)

from .conftest import OF_A_LINE, issue, make_world, produce, seal_image

DOCUMENTS = {"documents.document.view": "below", "documents.document.revoke": "below"}
SEALED = {"documents.seal.view": "below", "documents.seal.upload": "below", "documents.seal.activate": "below"}
FORM = {"purpose": "official", "legend": "上海市机关事务管理局", "diameter_mm": "42", "valid_from": "2026-11-01"}


def upload(world, actor=None, unit=None, **more):
    """Register a seal of the bureau (or a unit)."""
    unit = unit or world.bureau
    values = {"purpose": "official", "legend": unit.name, "valid_from": date(2026, 1, 1), **more}
    image = SimpleUploadedFile("印模.png", seal_image(), "image/png")
    return seals.upload(actor or system("tests"), unit=unit, image=image, **values)


@pytest.fixture
def documents(world, make_actor):
    """The bureau's manager of documents; documents of another issuing organ are none of theirs."""
    return Case(
        actor=make_actor(DOCUMENTS, unit=world.bureau, account=world.leader.pk),
        make=lambda: produce(issue(world)), make_elsewhere=lambda: produce(issue(world, issuer=world.two)),
        text=lambda row: row.number, english=("SHA-256", "https"),
    )  # fmt: skip


class TestDocuments(ListPageConformance):
    page = LIST

    @pytest.fixture
    def case(self, documents):
        return documents


class TestDocument(DetailPageConformance):
    page = DETAIL

    @pytest.fixture
    def case(self, documents):
        return documents


@pytest.fixture
def kept(world, make_actor):
    return Case(
        actor=make_actor(SEALED, unit=world.bureau, account=world.approver.pk),
        make=lambda: upload(world), make_elsewhere=lambda: upload(world, unit=world.two),
        text=lambda row: row.legend, english=("SHA-256",),
        values=lambda row: {**FORM, "unit": str(world.bureau.pk),
                            "image": SimpleUploadedFile("印模.png", seal_image(), "image/png")},
    )  # fmt: skip


class TestSeals(ListPageConformance):
    page = SEALS

    @pytest.fixture
    def case(self, kept):
        return kept


class TestSeal(DetailPageConformance):
    page = SEAL_PAGE

    @pytest.fixture
    def case(self, kept):
        return kept


class TestNewSeal(FormPageConformance):
    page = NEW_SEAL

    @pytest.fixture
    def case(self, kept):
        return kept


# --- documents --------------------------------------------------------------------------------------------------------


def test_the_subjects_organ_the_issuer_and_the_named_see_a_document_and_nobody_else(world, make_actor):
    made = issue(world, persons=[71])
    view = {"documents.document.view": "below"}
    seen = {
        "subject": make_actor(view, unit=world.one), "issuer": make_actor(view, unit=world.bureau),
        "named": make_actor({"documents.document.view": Scope((), 71)}, unit=world.two, person=71),
        "other organ": make_actor(view, unit=world.two),
        "not named": make_actor({"documents.document.view": Scope((), 72)}, unit=world.two, person=72),
        "without permission": make_actor({"documents.seal.view": "city"}, unit=world.two, person=71),
    }  # fmt: skip
    found = {}
    for name, actor in seen.items():
        with actor.acting():
            found[name] = made in queries.documents(actor)
    assert [name for name, yes in found.items() if yes] == ["subject", "issuer", "named"]


def test_a_download_is_the_signed_file_and_traced(documents):
    row = documents.row()
    visitor = Visitor(documents.actor)
    for name, attached in (("download", True), ("open", False)):
        answer = visitor.get(reverse(f"documents.document.{name}", args=[row.pk]))
        assert hashlib.sha256(bytes_of(answer)).hexdigest() == row.digest
        assert answer["Content-Disposition"].startswith("attachment") is attached
    assert Entry.objects.filter(code="documents.outcomedocument.download", subject_id=str(row.pk)).count() == 2
    picture = visitor.get(reverse("documents.document.page", args=[row.pk, 1]))
    assert bytes_of(picture).startswith(b"\x89PNG")
    assert visitor.get(reverse("documents.document.page", args=[row.pk, 99])).status_code == 404
    other = documents.elsewhere()
    assert visitor.get(reverse("documents.document.download", args=[other.pk])).status_code == 404


def test_a_lines_document_needs_the_lines_scope_and_the_right_to_see_documents(world, make_actor):
    made = produce(issue(world, OF_A_LINE))
    file = made.file
    both = {"documents.document.view": "below", "orgs.unit.view": "below"}
    for rights, seen, handed in ((both, True, 200), ({"documents.document.view": "below"}, False, 404),
                                 ({"orgs.unit.view": "below"}, False, 403)):  # fmt: skip
        actor = make_actor(rights, unit=world.one, account=world.clerk.pk)
        with actor.acting():
            assert (made in queries.documents(actor)) is seen, rights
        assert Visitor(actor).get(reverse("files.file.download", args=[file.pk])).status_code == handed, rights
    assert made.area == "orgs" and made.file.area == "orgs"


def test_while_it_is_being_made_the_page_says_so(world, documents):
    row = issue(world)
    visitor = Visitor(documents.actor)
    assert "正在制作" in html(visitor.get(reverse("documents.document.detail", args=[row.pk])))
    assert visitor.get(reverse("documents.document.download", args=[row.pk])).status_code == 409


def test_revoking_and_superseding_by_the_page(documents):
    row = documents.row()
    visitor = Visitor(documents.actor)
    address = reverse("documents.document.detail", args=[row.pk])
    form = html(visitor.get(f"{address}supersede/"))
    assert "同意核增1辆。" in form
    token = form.split('name="_token" value="')[1].split('"', maxsplit=1)[0]
    values = {
        "title": "关于更正的批复",
        "to": "甲局",
        "paragraphs": "第一段。\n\n第二段。",
        "reason": "笔误",
        "_token": token,
    }
    answer = visitor.post(f"{address}supersede/", values)
    row.refresh_from_db()
    assert answer.status_code == 302 and row.state == "superseded"
    assert answer["Location"] == reverse("documents.document.detail", args=[row.successor_id])
    assert row.successor.values["paragraphs"] == ["第一段。", "第二段。"] and "conditions" not in row.successor.values
    story = html(visitor.get(address, {"tab": "历史"}))
    assert "已被替代" in story and row.successor.number in html(visitor.get(address, {"tab": "登记信息"}))


# --- seals ------------------------------------------------------------------------------------------------------------


def test_two_people_put_a_seal_into_use(world, make_actor):
    keeper = make_actor(SEALED, unit=world.bureau, account=world.keeper.pk, name="保管人")
    approver = make_actor(SEALED, unit=world.bureau, account=world.approver.pk, name="审核人")
    with keeper.acting():
        seal = upload(world, keeper)
        with pytest.raises(Denied):
            seals.activate(keeper, seal)
        with pytest.raises(Denied):
            seals.activate(system("tests"), seal)
    with approver.acting():
        seal = seals.activate(approver, seal)
        assert (seal.state, seal.activator, seal.valid_from) == ("active", "审核人", timezone.localdate())
    with pytest.raises(IntegrityError), transaction.atomic():
        Seal.objects.filter(pk=seal.pk).update(activated_by=world.keeper)
    with keeper.acting():
        newer = upload(world, keeper, legend="新印章")
    with approver.acting():
        seals.activate(approver, newer)
        seal.refresh_from_db()
        assert seal.state == "retired" and seal.valid_to is not None
        assert seals.seal_for(world.bureau, "registration") == newer, "the official one serves for every purpose"
        seals.retire(approver, Seal.objects.get(pk=newer.pk), reason="遗失")
        with pytest.raises(Conflict):
            seals.retire(approver, seal, reason="再停")
    assert seals.seal_for(world.bureau, "official") is None


@pytest.mark.parametrize(("more", "field"), [({"purpose": "x"}, "purpose"), ({"diameter_mm": 10}, "diameter_mm")])
def test_a_seal_that_cannot_be_is_refused(world, more, field):
    with pytest.raises(Invalid) as refusal, transaction.atomic():
        upload(world, **more)
    assert field in refusal.value.fields


@pytest.mark.parametrize(("name", "content"), [("印模.pdf", b"%PDF-1.4\n%%EOF\n"), ("印模.png", png(600, 600))])
def test_a_seal_is_a_whole_picture(world, name, content):
    image = SimpleUploadedFile(name, content)
    with pytest.raises(Invalid) as refusal, transaction.atomic():
        seals.upload(system("tests"), unit=world.bureau, purpose="official", legend="章", image=image,
                     valid_from=date(2026, 1, 1))  # fmt: skip
    assert "image" in refusal.value.fields


def test_without_a_seal_a_real_document_waits_for_one(as_system, make_actor):
    """Outside the demo city nothing is sealed with an invented seal."""
    world = make_world(demo=False)
    made = produce(issue(world))
    assert made.state == "making" and made.problem.startswith("等待用印") and made.file is None
    from zhiguan.kernel.documents.producing import resume

    assert resume() == "", "nobody is asked again and again for a seal that is not there"
    seal = upload(world, make_actor(SEALED, unit=world.bureau, account=world.keeper.pk))
    seals.activate(make_actor(SEALED, unit=world.bureau, account=world.approver.pk), seal)
    made = produce(made)
    assert made.state == "valid" and made.seal == Seal.objects.get(pk=seal.pk) and not made.demo and made.problem == ""


def test_a_line_finds_its_documents(world):
    made = issue(world, case="G4-7")
    actor = system("tests")
    assert list(queries.of_case(actor, "G4-7")) == [made] == list(queries.of_subject(actor, world.one))
    assert not queries.of_case(actor, "") and service.OutcomeDocument.objects.count() == 1
