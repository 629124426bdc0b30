"""Pages of cases under the inherited tests, and what each kind of user sees and does on them."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.functions.governance import pages
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Card, Case, Delegation, Seat, Step
from zhiguan.kernel.flow.tests import sample
from zhiguan.kernel.flow.tests.conftest import open_nodes
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import Case as World
from zhiguan.kit.pages.conformance import (
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.kit.pages.recent import forget

pytestmark = pytest.mark.django_db


def _other_case(office, draft):
    """A case that concerns nobody in the first organ nor at the bureau."""
    return office.acts("陈外人", service.submit, draft("陈外人"))


class _Cases(ListPageConformance):
    """Lists of cases, as somebody of the applying organ sees them."""

    who = "张申请"

    def made(self, case_at):
        return case_at("lead")

    @pytest.fixture
    def case(self, office, draft, case_at) -> World:
        return World(
            actor=office.actor(self.who), make=lambda: self.made(case_at), make_elsewhere=lambda: _other_case(office, draft),
            text=lambda row: row.code,
        )  # fmt: skip


class TestCases(_Cases):
    page = pages.lists.CASES


class TestApplications(_Cases):
    page = pages.lists.APPLICATIONS


class TestResults(_Cases):
    page = pages.lists.RESULTS

    def made(self, case_at):
        case = case_at("lead")
        Case.objects.filter(pk=case.pk).update(state="granted", ended_at=timezone.now())
        case.refresh_from_db()
        return case


class TestSupervised(_Cases):
    page = pages.supervision.SUPERVISED
    who = "冯监督"

    @pytest.fixture
    def case(self, office, draft, case_at) -> World:
        def elsewhere():
            made = case_at("lead")
            Case.objects.filter(pk=made.pk).update(area="assets")
            return made

        return World(actor=office.actor(self.who), make=lambda: case_at("lead"), make_elsewhere=elsewhere,
                     text=lambda row: row.code)  # fmt: skip


class _Seats(ListPageConformance):
    """Lists of seats: those of one person, and not those of another."""

    who, other = "李领导", "王受理"

    def seat(self, office, case_at, who):
        return Seat.objects.filter(case=case_at("lead"), person=office.people[self.who]).get()

    @pytest.fixture
    def case(self, office, case_at) -> World:
        def elsewhere():
            seat = self.seat(office, case_at, self.who)
            Seat.objects.filter(pk=seat.pk).update(person=office.people[self.other])
            return seat

        return World(actor=office.actor(self.who), make=lambda: self.seat(office, case_at, self.who), make_elsewhere=elsewhere,
                     text=lambda row: row.case.code)  # fmt: skip


class TestTodo(_Seats):
    page = pages.lists.TODO


class TestHandled(_Seats):
    page = pages.lists.HANDLED

    def seat(self, office, case_at, who):
        seat = super().seat(office, case_at, who)
        office.agrees(self.who, seat.case)
        return Seat.objects.get(pk=seat.pk)

    @pytest.fixture
    def case(self, office, case_at) -> World:
        def elsewhere():
            seat = self.seat(office, case_at, self.who)
            Seat.objects.filter(pk=seat.pk).update(person=office.people[self.other], acted_by=office.people[self.other])
            return seat

        return World(actor=office.actor(self.who), make=lambda: self.seat(office, case_at, self.who), make_elsewhere=elsewhere,
                     text=lambda row: row.case.code)  # fmt: skip


class TestCopies(_Seats):
    page = pages.lists.COPIES

    def seat(self, office, case_at, who):
        case = office.acts("张申请", service.copy_to, case_at("lead"), people=[office.people[self.who]])
        return Seat.objects.get(case=case, kind="copy")


class TestCards(ListPageConformance):
    page = pages.supervision.CARDS

    @pytest.fixture
    def case(self, office, case_at) -> World:
        def make(area="vehicles"):
            case = case_at("lead")
            Case.objects.filter(pk=case.pk).update(area=area)
            return Card.objects.create(case=case, rung="red", reached_at=timezone.now())

        return World(actor=office.actor("冯监督"), make=make, make_elsewhere=lambda: make("assets"),
                     text=lambda row: row.case.code)  # fmt: skip


class TestSteps(ListPageConformance):
    page = pages.supervision.STEPS

    @pytest.fixture
    def case(self, office, case_at) -> World:
        def make(area="vehicles"):
            case = case_at("lead")
            Case.objects.filter(pk=case.pk).update(area=area, title=f"办件 {case.code}")
            return Step.objects.select_related("case").get(case=case)

        return World(actor=office.actor("冯监督"), make=make, make_elsewhere=lambda: make("assets"),
                     text=lambda row: row.case.code)  # fmt: skip


class TestCase(DetailPageConformance):
    page = pages.case.CASE

    @pytest.fixture
    def case(self, office, draft, case_at) -> World:
        return World(actor=office.actor("李领导"), make=lambda: case_at("lead"),
                     make_elsewhere=lambda: _other_case(office, draft))  # fmt: skip


def _delegation(office, who="张申请"):
    today = timezone.localdate()
    actor = office.actor(who)
    with actor.acting():
        return service.authorise(actor, delegate=office.people["褚专家"], valid_from=today, valid_to=today + timedelta(days=3),
                                 reason="出差")  # fmt: skip


class TestDelegations(ListPageConformance):
    page = pages.standing.DELEGATIONS

    @pytest.fixture
    def case(self, office) -> World:
        return World(actor=office.actor("张申请"), make=lambda: _delegation(office),
                     make_elsewhere=lambda: _delegation(office, "李领导"), text=lambda row: row.reason)  # fmt: skip


class TestDelegation(DetailPageConformance):
    page = pages.standing.DELEGATION

    @pytest.fixture
    def case(self, office) -> World:
        return World(actor=office.actor("张申请"), make=lambda: _delegation(office),
                     make_elsewhere=lambda: _delegation(office, "李领导"))  # fmt: skip


class TestNewDelegation(FormPageConformance):
    page = pages.standing.NEW_DELEGATION

    @pytest.fixture
    def case(self, office) -> World:
        day = timezone.localdate().isoformat()
        return World(actor=office.actor("张申请"), values=lambda row: {
            "delegate": "褚专家", "valid_from": day, "valid_to": day, "reason": "休假"})  # fmt: skip


# --- flows through the pages ------------------------------------------------------------------------------------------


def page_of(case):
    return reverse("governance.case.detail", args=[case.pk])


def test_filling_in_saves_and_says_what_is_missing(office, draft):
    case = draft(amount="50000")
    visitor = Visitor(office.actor("张申请"))
    form, save = (reverse(f"governance.case.{name}", args=[case.pk]) for name in ("form", "save"))
    assert markup.faults(html(visitor.get(form))) == []
    sent = {
        "reason": "换轮胎",
        "amount": "60000",
        "rows": '[{"name": "轮胎", "count": "3", "price": "20"}]',
        "urgent": "1",
    }
    told = visitor.post(save, sent)
    assert (
        told.status_code == 200 and b'"total": "60"' in told.content.replace(b".00", b"") and b"proof" in told.content
    )
    case.refresh_from_db()
    assert case.values["rows"][0]["sum"] == "60.00" and case.values["total"] == "60.00"
    assert visitor.post(save, {"amount": "很多"}).status_code == 422
    refused = visitor.post(form, sent)
    text = html(refused)
    assert refused.status_code == 422 and "请填写加急理由" in text and "请上传材料“证明”" in text
    case.refresh_from_db()
    assert case.state == "draft"
    done = visitor.post(form, {**sent, "urgent": "", "amount": "900"})
    assert done.status_code == 302 and done["Location"] == page_of(case)
    assert visitor.get(form).status_code == 409


def test_nobody_fills_in_for_others(office, draft):
    case = draft()
    for name in ("陈外人", "李领导", "冯监督"):
        visitor = Visitor(office.actor(name))
        for page in ("form", "save", "table", "upload"):
            assert visitor.post(reverse(f"governance.case.{page}", args=[case.pk]), {}).status_code == 404
    assert Visitor(office.actor("冯监督")).get(page_of(case)).status_code == 404


def test_a_form_sent_by_hand_changes_nothing_it_may_not(office, case_at):
    case = case_at("review", "one")
    office.does("赵审查", service.correct, case, items=[{"path": "reason", "text": "写明"}])
    visitor = Visitor(office.actor("张申请"))
    form = reverse("governance.case.form", args=[case.pk])
    visitor.post(form, {"reason": "写明了", "amount": "999999", "total": "1", "unknown": "x"})
    case.refresh_from_db()
    assert case.state == "running" and case.values["amount"] == "100.00" and case.values["reason"] == "写明了"
    assert "unknown" not in case.values


def test_deciding_on_the_page_twice_is_once(office, case_at):
    case = case_at("lead")
    visitor = Visitor(office.actor("李领导"))
    assert "轮到您办理" in html(visitor.get(page_of(case)))
    first = visitor.post(f"{page_of(case)}decide/", {"outcome": "agree", "opinion": "同意"})
    again = visitor.post(f"{page_of(case)}decide/", {"outcome": "agree", "opinion": "同意"})
    assert first.status_code == 302 and again.status_code in (403, 409)
    assert open_nodes(case) == ["accept"]


def test_a_decision_sent_again_because_no_answer_came_leads_to_the_case(office, case_at):
    case = case_at("lead")
    visitor = Visitor(office.actor("李领导"))
    visitor.session.create()
    sent = {"outcome": "agree", "opinion": "同意", "_token": "t1"}
    for _ in range(2):
        answer = visitor.post(f"{page_of(case)}decide/", sent)
        assert (answer.status_code, answer["Location"]) == (302, page_of(case))
    assert visitor.post(f"{page_of(case)}decide/", {**sent, "_token": "t2"}).status_code == 403
    assert open_nodes(case) == ["accept"]
    assert LedgerEvent.objects.filter(subject_type="flow.case", subject_id=case.pk, code="decide").count() == 1


def test_a_sub_case_is_opened_on_the_page_and_leads_to_its_form(office, case_at):
    case = case_at("review", "one")
    visitor = Visitor(office.actor("赵审查"))
    assert "发起子办件" not in html(visitor.get(page_of(case)))  # not claimed yet
    visitor.post(f"{page_of(case)}claim/")
    assert "发起子办件" in html(visitor.get(page_of(case)))
    assert visitor.post(f"{page_of(case)}open_subcase/", {"item": "vehicles.nothing"}).status_code == 422
    answer = visitor.post(f"{page_of(case)}open_subcase/", {"item": sample.ITEM.code})
    child = Case.objects.get(parent=case)
    assert answer.status_code == 302 and answer["Location"] == reverse("governance.case.form", args=[child.pk])
    assert visitor.post(answer["Location"], {"reason": "委托", "amount": "1"}).status_code == 302
    refused = visitor.post(f"{page_of(case)}decide/", {"outcome": "agree", "opinion": "可"})
    assert refused.status_code == 409 and "还有子办件没有办结" in html(refused)
    child.refresh_from_db()
    assert child.unit == case.unit and child.applicant.name == "赵审查"
    assert child.title in html(visitor.get(page_of(case))) and "上级办件" in html(visitor.get(page_of(child)))


def test_a_step_edits_what_it_may(office, case_at):
    case = case_at("review", "one")
    visitor = Visitor(office.actor("赵审查"))
    assert 'name="edit_note"' in html(visitor.get(f"{page_of(case)}decide/"))
    assert (
        visitor.post(f"{page_of(case)}decide/", {"outcome": "agree", "opinion": "可", "edit_note": "核过"}).status_code
        == 302
    )
    case.refresh_from_db()
    assert case.values["note"] == "核过" and case.submissions.count() == 2
    assert "核过" in html(visitor.get(page_of(case), {"tab": "申请内容"}))


def test_a_supervisor_looks_and_is_refused_to_act(office, case_at):
    from zhiguan.kernel.trace.models import Entry

    case = case_at("lead")
    visitor = Visitor(office.actor("冯监督"))
    assert visitor.get(page_of(case)).status_code == 200
    for act in ("decide", "transfer", "return_", "send_back", "terminate", "reassign", "withdraw"):
        assert visitor.post(f"{page_of(case)}{act}/", {"outcome": "agree", "reason": "x"}).status_code in (403, 409), (
            act
        )
    assert open_nodes(case) == ["lead"]
    actor = office.actor("冯监督")
    with actor.acting():
        assert service.refuse_act(actor, case, "decide").status == 403
    assert Entry.objects.filter(code="flow.case.refused_act").exists()


def test_bulk_only_where_the_process_allows(office, case_at):
    from zhiguan.functions.governance.pages.lists import agree
    from zhiguan.kit.errors import Denied

    case = case_at("decision")
    other = case_at("lead")
    seat = office.seat("吴决定", case)
    with office.actor("吴决定").acting():
        assert agree(office.actor("吴决定"), seat).state == "granted"
    with office.actor("李领导").acting(), pytest.raises(Denied, match="逐件办理"):
        agree(office.actor("李领导"), office.seat("李领导", other))


def test_what_is_wrong_in_a_row_names_the_row_above_the_form_and_not_beside_the_cell(office, draft):
    case = draft(rows=[{"name": "甲", "count": 1}, {"name": "乙"}, {"name": "甲", "count": 2}])
    visitor, url = Visitor(office.actor("张申请")), reverse("governance.case.form", args=[case.pk])
    text = visitor.post(url, {"_act": "submit"}).content.decode()
    listed = text[text.index("还不能提交") :].split("</ul>")[0]
    for told in ("明细第 2 行：请填写数量。", "明细第 3 行：与第 1 行重复。"):
        assert f'<a href="#table-rows">{told}</a>' in listed and 'id="table-rows"' in text
    table = text[text.index("data-case-table") :].split("</script>")[0]
    errors = json.loads(table[table.index("{") :])["errors"]
    assert errors == {"2.count": "请填写数量。", "3.name": "与第 1 行重复。"}
    saved = visitor.post(reverse("governance.case.save", args=[case.pk]), {"rows": '[{"name": "甲", "count": "很多"}]'})
    told = {"path": "rows.1.count", "message": "明细第 1 行：数量须为数字。"}
    answer = json.loads(saved.content)
    assert saved.status_code == 422 and answer["errors"] == [told] and answer["detail"] == told["message"]


def test_tables_by_workbook(office, draft):
    import io

    from django.core.files.uploadedfile import SimpleUploadedFile
    from openpyxl import Workbook

    case = draft()
    visitor = Visitor(office.actor("张申请"))
    url = reverse("governance.case.table", args=[case.pk]) + "?table=rows"
    assert visitor.get(url)["Content-Type"].endswith("sheet")

    def workbook(*rows):
        book = Workbook()
        book.active.append(["名称", "数量", "单价"])
        for row in rows:
            book.active.append(row)
        out = io.BytesIO()
        book.save(out)
        return SimpleUploadedFile("明细.xlsx", out.getvalue())

    bad = visitor.post(url, {"file": workbook(["甲", 1, 5], ["乙", "很多", 5])})
    assert bad.status_code == 422
    assert [(each["path"], each["message"][:10]) for each in json.loads(bad.content)["errors"]] == [("3.数量", "第 3 行“数量”：")]
    case.refresh_from_db()
    assert case.values["rows"][0]["name"] == "轮胎"
    assert visitor.post(url, {"file": workbook(["甲", 1, 5], ["乙", 2, 5.5])}).status_code == 200
    case.refresh_from_db()
    assert [(row["name"], row["sum"]) for row in case.values["rows"]] == [("甲", "5.00"), ("乙", "11.00")]


def test_why_a_case_was_sent_back_or_suspended_is_said_where_one_goes_on(office, case_at):
    case = case_at("review", "one")
    office.does("赵审查", service.send_back, case, reason="预算依据不足")
    office.acts("张申请", service.save, Case.objects.get(pk=case.pk), values={"reason": "改写"})
    visitor = Visitor(office.actor("张申请"))
    for page in ("governance.case.detail", "governance.case.form"):
        text = html(visitor.get(reverse(page, args=[case.pk])))
        assert "退回申请人（赵审查，" in text and "预算依据不足" in text
    case = office.does("赵审查", service.suspend, case_at("review", "one"), ground="专家评审", reason="等专家意见")
    assert "专家评审：等专家意见" in html(visitor.get(reverse("governance.case.detail", args=[case.pk])))


def test_the_menu_marks_the_list_one_works_from(office, draft, case_at):
    def marked(who, page, *args):
        text = Visitor(office.actor(who)).get(reverse(page, args=args)).content.decode()
        menu = text[text.index("<aside") : text.index("</aside>")]
        active = menu[menu.index('aria-current="page"') :]
        return re.sub(r"<[^>]*>", "", active[active.index(">") + 1 : active.index("</a>")]).strip()

    mine = draft()
    assert marked("张申请", "governance.case.form", mine.pk) == marked("张申请", "governance.case.detail", mine.pk) == "我的申请"
    assert marked("张申请", "governance.item", "vehicles.sample") == "办事大厅"
    case = case_at("review", "one")
    assert marked("赵审查", "governance.case.detail", case.pk).startswith("待办办件")
    assert marked("王受理", "governance.case.detail", case.pk) == "办件查询"  # has had their turn


def test_hall_and_guide(office):
    visitor = Visitor(office.actor("张申请"))
    for query in ("", "?by=event", "?q=车辆", "?q=没有这样的事项", "?q=%00"):
        assert markup.faults(html(visitor.get(reverse("governance.hall") + query))) == []
    assert visitor.get(reverse("governance.item", args=["nothing"])).status_code == 404


def test_supervision_shows_where_cases_stand(office, case_at):
    case_at("lead")
    case_at("review", "one")
    visitor = Visitor(office.actor("冯监督"))
    text = html(visitor.get(reverse("governance.supervision")))
    assert markup.faults(text) == [] and "测试事项" in text and "审查" in text
    stranger = html(Visitor(office.actor("陈外人")).get(reverse("governance.supervision")))
    assert "测试事项" not in stranger


# --- patterns ---------------------------------------------------------------------------------------------------------


def _judged(code):
    from zhiguan.functions.governance import rules
    from zhiguan.kernel.supervision.models import Finding
    from zhiguan.kernel.supervision.running import run_scheduled

    rule = next(rule for rule in rules.RULES if rule.code == f"flow.{code}")
    result = run_scheduled(rule, today=timezone.localdate() + timedelta(days=1))
    assert result.error == ""
    return list(Finding.objects.filter(rule=rule.code).exclude(state="withdrawn"))


def test_an_ordinary_case_raises_nothing(office, case_at):
    office.agrees("吴决定", case_at("decision"))
    for code in (
        "skipped_step",
        "one_person_two_roles",
        "rubber_stamp",
        "last_minute",
        "repeated_correction",
        "split_applications",
    ):
        assert _judged(code) == [], code


def test_a_skipped_step_is_found(office, case_at):
    case = office.agrees("吴决定", case_at("decision"))
    Step.objects.filter(case=case, node="decision").update(state="cancelled")
    assert [finding.subject_id for finding in _judged("skipped_step")] == [case.pk]


def test_one_person_in_two_roles_is_found(office, case_at):
    case = office.agrees("吴决定", case_at("decision"))
    Seat.objects.filter(case=case, step__node="decision").update(acted_by=office.people["王受理"])
    found = _judged("one_person_two_roles")
    assert [finding.subject_id for finding in found] == [case.pk] and "王受理" in found[0].summary


def test_rubber_stamping_is_found(office, case_at):
    for _ in range(10):
        office.agrees("李领导", case_at("lead"))
    boss, since = system("tests"), timezone.localdate().replace(day=1)
    reference.override(boss, "approvals.supervision.rubber_count", 11, since, "件数少", place=office.units["甲"])
    assert _judged("rubber_stamp") == []  # an organ may have limits of its own
    reference.override(boss, "approvals.supervision.rubber_count", 10, since, "恢复", place=office.units["甲"])
    found = _judged("rubber_stamp")
    assert [finding.subject_label for finding in found] == ["李领导"]
    Seat.objects.filter(person=office.people["李领导"]).update(
        opened_at=timezone.now() - timedelta(hours=2), claimed_at=None
    )
    assert _judged("rubber_stamp") == []


def test_split_applications_and_repeated_corrections_are_found(office, case_at):
    for _ in range(3):
        case = case_at("review", "one")
    assert [finding.subject_id for finding in _judged("split_applications")] == [office.units["甲"].pk]
    for _ in range(3):
        case = office.does("赵审查", service.correct, case, items=[{"path": "reason", "text": "写明"}])
        case = office.acts("张申请", service.resubmit, case, values={"reason": "写明了"})
    assert [finding.subject_id for finding in _judged("repeated_correction")] == [case.pk]


def test_every_act_stands_in_the_history(office, case_at):
    case = office.agrees("吴决定", case_at("decision"))
    events = LedgerEvent.objects.filter(subject_type="flow.case", subject_id=case.pk).count()
    text = html(Visitor(office.actor("张申请")).get(page_of(case), {"tab": "变动记录"}))
    assert events >= 8 and "办结" in text and sample.DONE


def test_delegations_end_by_themselves(office):
    row = _delegation(office)
    Delegation.objects.filter(pk=row.pk).update(
        valid_from=timezone.localdate() - timedelta(days=9), valid_to=timezone.localdate() - timedelta(days=1)
    )
    text = html(Visitor(office.actor("张申请")).get(reverse("governance.delegation")))
    assert "已到期" in text


def test_an_expert_without_any_permission_finds_the_work_in_menu_and_to_dos(office, case_at):
    """Who was asked to a step sees the lists of cases and, there, what they were asked alone."""
    from zhiguan.kit.pages.menu import menu
    from zhiguan.site import desk

    case, other = case_at("review", "one"), case_at("review", "one")
    expert = office.actor("褚专家")

    def titles() -> list[str]:
        expert = office.actor("褚专家")
        with expert.acting():
            return [entry.title for group in menu(expert) if group.code == "governance" for entry in group.items]

    assert not expert.permissions and titles() == []
    assert desk.todo_count(expert) == 0
    office.does("赵审查", service.add_sign_before, case, people=[office.people["褚专家"]], reason="请专家先看")
    forget(expert)
    assert titles() == ["待办办件", "已办办件", "抄送我的", "办件查询", "授权代办"]
    expert = office.actor("褚专家")
    with expert.acting():
        kinds = {kind["todo"].code: kind for kind in desk.todos(expert)}
        assert kinds["governance.todo"]["count"] == 1 == desk.todo_count(expert)
        assert [item["title"] for item in kinds["governance.todo"]["items"]] == [case.title]
    visitor = Visitor(expert)
    assert case.code in html(visitor.get("/governance/todo/"))
    listed = html(visitor.get("/governance/case/"))
    assert case.code in listed and other.code not in listed
    assert visitor.get(f"/governance/case/{other.pk}/").status_code == 404
    office.agrees("褚专家", case)  # afterwards it stands among what was handled
    forget(expert)
    assert "已办办件" in titles() and case.code in html(visitor.get("/governance/handled/"))


def test_the_bells_count_holds_the_to_dos_of_cases(office, case_at):
    from zhiguan.site import desk

    case_at("lead")
    actor = office.actor("李领导")
    with actor.acting():
        assert desk.todo_count(actor) == 1
