"""G6 and G7 from the application to the ledger, in every branch of their processes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.functions.governance import workbooks
from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.documents.service import OutcomeDocument
from zhiguan.kernel.flow import definitions, service
from zhiguan.kernel.flow.engine import compiled
from zhiguan.kernel.flow.tests.office import PDF, Office
from zhiguan.kernel.flow.trying import failures
from zhiguan.kernel.identity.service import sync_roles
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.lines.space import rules
from zhiguan.lines.space.domain import register, repairs, sizes
from zhiguan.lines.space.domain.size import Need
from zhiguan.lines.space.items import REPAIRS, SIZE
from zhiguan.lines.space.models import OrganSize, RepairPlan

from .conftest import _unit

YEAR = timezone.localdate().year + 1


@pytest.fixture
def office(world):
    calendar.sync()
    sync_roles()
    definitions.sync(system("tests"))
    return Office(world, "space", _unit(world.city, 3, "310000003", "市机关事务管理局", "organ"))


def project(building, **values):
    return {"building": building.pk, "project": "屋面维修", "kind": "special", "area": "1000", "estimate": "500000",
            "why": "渗漏", **values}  # fmt: skip


def test_projects_enter_the_plan_of_the_year_once(office, make_building):
    building = make_building()
    case = office.applies(REPAIRS, "application", "scheme", reason="屋面渗漏", rows=[project(building)])
    assert (case.values["year"], case.values["total"], case.values["repair_scope"]) == (YEAR, "500000.00", "专项维修项目")
    case = office.submits(case)
    assert case.title == f"市甲局{YEAR}年办公用房维修计划（1项）"
    case = office.goes(case, "单位领导", "受理", "审查")
    assert case.stage == "领导审批" and case.decisions["route"]["expert"] is False
    case = office.decides("决定", case)
    plan = RepairPlan.objects.get()
    assert (case.state, plan.state, plan.year, plan.approved_yuan) == ("granted", "planned", YEAR, 500_000)
    assert plan.document_no == case.document_no and plan.case_no == case.code and "批准投资合计 500,000.00 元" in case.result
    assert [event.case for event in ledger.history(plan)] == [case.code, case.code]
    assert case.effects.get().links == [{"type": "space.repairplan", "id": plan.pk, "label": "屋面维修"}]


def test_a_large_or_dear_project_is_visited_and_judged_by_experts_and_cut_by_the_review(office, make_building):
    rows = [project(make_building(), kind="major", project="大修", area="6000", estimate="16000000")]
    case = office.applies(REPAIRS, "application", "scheme", "inspection", "history", reason="老化", rows=rows)
    case = office.goes(office.submits(case), "单位领导", "受理")
    cut = [{**case.values["rows"][0], "approved": "14000000"}]
    case = office.decides("审查", case, values={"rows": cut})
    assert (case.stage, case.decisions["route"]["visit"], case.decisions["route"]["expert"]) == ("现场查勘", True, True)
    case = office.all_decide(office.decides("受理", case), "expert")
    case = office.decides("决定", case)
    plan = RepairPlan.objects.get()
    assert (plan.approved_yuan, plan.estimate_yuan) == (14_000_000, 16_000_000) and plan.over_limit


def test_what_the_review_fills_in_is_never_the_applicants(office, make_building, make_allocated):
    case = office.applies(REPAIRS, reason="渗漏", rows=[project(make_building(), approved="1.00")])
    assert case.values["rows"][0]["approved"] is None
    size = office.applies(SIZE, reason="调整", effective_on=start_day())
    with pytest.raises(Denied, match="不能修改“核定面积”"):
        office.acts("经办人", service.save, size, values={"approved": "1.00"})
    with pytest.raises(Denied, match="不能修改“核定面积”"):
        office.applies(SIZE, reason="调整", approved="1.00")


def test_what_is_wrong_with_the_review_stands_beside_its_field_and_is_listed_with_its_row(office, make_building):
    case = office.applies(REPAIRS, "application", "scheme", reason="老化", rows=[project(make_building())])
    case = office.goes(office.submits(case), "单位领导", "受理")
    visitor = Visitor(office.actor("审查"))
    sent = {"outcome": "agree", "opinion": "核减", "edit_rows_1_approved": "很多"}
    answer = visitor.post(reverse("governance.case.decide", args=[case.pk]), sent)
    text = html(answer)
    field = text[text.index('name="edit_rows_1_approved"') :][:600]
    assert answer.status_code == 422 and "核定投资须为数字。" in field and "第 1 行" not in field
    assert "维修项目第 1 行：核定投资须为数字。" in text


def test_a_repair_soon_after_the_last_one_is_looked_at(office, make_building):
    building = make_building(last_repair_on=date(YEAR - 3, 5, 1))
    rows = [project(building, kind="medium", project="中修")]
    case = office.applies(REPAIRS, "application", "scheme", "inspection", "history", reason="老化", rows=rows)
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "现场查勘" and case.decisions["route"]["why"].startswith("距建成或上次大中修")


def test_what_does_not_fit_the_buildings_is_refused_by_row(office, make_building, world):
    building, foreign = make_building(), make_building(world.other)
    repairs.propose(system("tests"), building=building, year=YEAR, project="已有项目", kind="special", why="旧",
                    area_m2=Decimal(10), estimate_yuan=Decimal(10))  # fmt: skip
    rows = [project(foreign), project(building, project="大", area="6001"), project(building, project="已有项目")]
    case = office.applies(REPAIRS, "application", "scheme", reason="维修", rows=rows)
    with pytest.raises(Invalid) as refused:
        office.submits(case)
    assert set(refused.value.fields) == {"rows.1.building", "rows.2.area", "rows.3.project"}
    with pytest.raises(Invalid, match="检查鉴定报告"):
        office.submits(case, rows=[project(building, kind="major")])
    offered = service.work_of(REPAIRS.code).lookups["buildings"](None, world.organ, "")
    assert [choice.value for choice in offered] == [building.pk]
    assert service.work_of(REPAIRS.code).lookups["buildings"].names([building.pk]) == {building.pk: building.name}


def test_a_building_disposed_of_meanwhile_stops_the_decision_and_nothing_is_left_behind(office, make_building):
    first, second = make_building(), make_building()
    case = office.applies(REPAIRS, "application", "scheme", reason="维修", rows=[project(first), project(second, project="二")])
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    boss = system("tests")
    register.dispose(boss, register.close_building(boss, second, reason="拆迁"), reason="拆除")
    with pytest.raises(Conflict, match="台账情况已经变化"):
        office.decides("决定", case)
    case.refresh_from_db()
    assert case.state == "running" and not RepairPlan.objects.exists() and not case.document_no


def test_a_refusal_changes_no_ledger_and_only_the_right_people_act(office, make_building):
    case = office.applies(REPAIRS, "application", "scheme", reason="维修", rows=[project(make_building())])
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    with pytest.raises(Denied):
        office.acts("监督", service.decide, case, seat=case.steps.get(node="decision").seats.get(), outcome="agree",
                    opinion="越权")  # fmt: skip
    case = office.decides("决定", case, "refuse")
    assert case.state == "refused" and not RepairPlan.objects.exists() and not case.document_no


def start_day():
    return (timezone.localdate() + timedelta(days=30)).isoformat()


def test_the_size_is_measured_from_the_ledgers_and_recorded_once(office, world, make_allocated):
    make_allocated(usable_area=Decimal(40))
    case = office.applies(SIZE, "application", "staffing", reason="编制调整", effective_on=start_day())
    values = case.values
    # the two people of the organ itself and the applicants count; posts not filled are of the lowest rank
    assert sum(row["posts"] for row in values["people"]) == 5 and values["present_office"] == "40.00"
    assert Decimal(values["measured"]) == Decimal(values["wanted"]) > 0
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    assert case.stage == "领导审批" and case.decisions["route"] == {
        "visit": False, "panel": False, "why": "在标准之内，书面审查",
    }  # fmt: skip
    case = office.decides("决定", case)
    size = OrganSize.objects.get()
    assert (case.state, size.approved_area, size.case_no) == ("granted", Decimal(values["measured"]), case.code)
    assert size.document_no == case.document_no and size.valid_from.isoformat() == start_day()
    assert size.working and size.posts == 5


def test_above_the_measured_size_it_is_visited_and_discussed_and_the_review_cuts_it(office, world, make_allocated):
    case = office.applies(SIZE, "application", "staffing", reason="调整", effective_on=start_day())
    measured = Decimal(case.values["measured"])
    wanted = str((measured * Decimal("1.05")).quantize(Decimal("0.01")))
    case = office.goes(office.submits(case, wanted=wanted), "单位领导", "受理")
    case = office.decides("审查", case, values={"approved": str(measured)})
    assert case.stage == "现场核实"
    case = office.all_decide(office.decides("受理", case), "panel")
    case = office.decides("决定", case)
    assert OrganSize.objects.get().approved_area == measured


def test_what_is_beyond_the_bound_or_beside_the_ledgers_is_refused(office, make_allocated):
    case = office.applies(SIZE, "application", "staffing", reason="调整", effective_on=start_day())
    measured = Decimal(case.values["measured"])
    for values, field in (
        ({"wanted": str((measured * 2).quantize(Decimal("0.01")))}, "wanted"), ({"measured": "99"}, "measured"),
        ({"people": [{"grade": "staff", "posts": 99}]}, "people"), ({"level": "county"}, "level"),
        ({"present_office": "999"}, "present_office"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            office.submits(case, **values)
        assert field in refused.value.fields, values
    make_allocated(usable_area=Decimal(7))
    with pytest.raises(Invalid, match="请刷新台账数据"):
        office.submits(case)


def test_a_lease_goes_to_the_panel_and_asks_for_its_plan(office):
    case = office.applies(SIZE, "application", "staffing", reason="租用", effective_on=start_day(), way="lease")
    with pytest.raises(Invalid, match="租用方案"):
        office.submits(case)
    with pytest.raises(Invalid, match="出租方"):
        office.submits(case)
    office.acts("经办人", service.add_file, case, material="lease", content=PDF + b"%lease", name="租用.pdf")
    case = office.goes(office.submits(case, landlord="某物业公司"), "单位领导", "受理", "审查")
    assert case.decisions["route"]["panel"] is True
    case = office.decides("决定", office.all_decide(office.decides("受理", case), "panel"))
    size = OrganSize.objects.get()
    assert size.landlord == "某物业公司" and "出租方：某物业公司" in OutcomeDocument.objects.get().values["paragraphs"][0]
    begun = size.valid_from
    (award,) = rules.leases(begun, begun + timedelta(days=1))
    assert (award.unit, award.firm, award.source) == (size.unit, "某物业公司", case.code)
    sizes.revoke(system("tests"), size, reason="误录")
    assert not list(rules.leases(begun, begun + timedelta(days=1)))


def test_another_size_set_meanwhile_stops_the_decision(office, world):
    case = office.applies(SIZE, "application", "staffing", reason="调整", effective_on=start_day())
    case = office.goes(office.submits(case), "单位领导", "受理", "审查")
    sizes.approve_size(system("tests"), unit=world.organ, need=Need("municipal", "multi_storey", {"staff": 3}),
                       approved_area=Decimal(30), valid_from=timezone.localdate() + timedelta(days=90))  # fmt: skip
    with pytest.raises(Conflict, match="须晚于现行规模"):
        office.decides("决定", case)
    assert OrganSize.objects.count() == 1


ALL = {"reaches_expert": False, "over_limit": False, "too_soon": False, "structural": False, "escalates": False,
       "builds": False, "leases": False, "exceeds_use": False}  # fmt: skip


@pytest.mark.parametrize(
    ("item", "told", "steps"),
    [(REPAIRS, {}, []), (REPAIRS, {"structural": True}, ["site"]), (REPAIRS, {"too_soon": True}, ["site", "expert"]),
     (REPAIRS, {"over_limit": True}, ["site", "expert"]), (SIZE, {}, []), (SIZE, {"exceeds_use": True}, ["site"]),
     (SIZE, {"leases": True}, ["site", "panel"]), (SIZE, {"builds": True}, ["site", "panel"])],
)  # fmt: skip
def test_every_way_through_the_processes(item, told, steps):
    from importlib.resources import files

    root = files(item.package)
    tables = {name: root.joinpath(path).read_text() for name, path in item.decisions.items()}
    process = compiled(root.joinpath(item.flow).read_text(), tables)
    acts = [{"step": step} for step in ("lead", "acceptance", "review", *steps)]
    script = {"context": ALL | told, "acts": [*acts, {"step": "decision"}], "expect": {"open": [], "result": "granted"}}
    assert failures(process, script) == []
    refused = {"context": ALL | told, "acts": [*acts, {"step": "decision", "outcome": "refuse"}], "expect": {"result": "refused"}}
    assert failures(process, refused) == []


def test_the_guide_has_its_facts(world):
    for item in (REPAIRS, SIZE):
        facts = reference.thresholds(item.facts, on=timezone.localdate())
        assert {"applicant", "materials", "steps", "outcome"} <= {code.removeprefix(f"{item.facts}.") for code in facts.facts}


def test_a_program_names_buildings_as_people_do(office, make_building):
    """By name, not by key; what is not there or not one alone is named by its path."""
    made = make_building(unit=office.world.organ, name="政务大楼")
    case = office.applies(REPAIRS, reason="漏雨")

    def told(*rows):
        return office.acts("经办人", keyed, {"rows": list(rows)}, case)

    def keyed(actor, values, row):
        return workbooks.keyed(values, row, actor)

    assert told({"building": "政务大楼"}, {"building": made.pk})[0]["rows"] == [
        {"building": made.pk, "area": "6000.00"}, {"building": made.pk}
    ]  # fmt: skip
    assert told({"building": made.code, "area": "9"})[0]["rows"] == [{"building": made.pk, "area": "9"}]
    _, wrong = told({"building": "政务大楼"}, {"building": "政务"}, {"building": "没有的楼"})
    assert {each.path: each.text for each in wrong} == {
        "rows.2.building": "在台账中没有找到这一条，相近的有：政务大楼。", "rows.3.building": "在台账中没有找到这一条。"
    }  # fmt: skip
    twin = make_building(unit=office.world.organ, name="政务大楼")
    _, wrong = told({"building": "政务大楼"})
    assert [each.text for each in wrong] == [f"在台账中有多条，请写编号：{made.code}、{twin.code}。"]
