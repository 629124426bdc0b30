"""The eight service items from the hall to the ledger, each step by the person whose step it is.

Over the set: a correction answered (G1), a return (G2), a countersign (G4), a suspension (G5), a review that fills in its
own part of the form (G6, G7), a refusal and a red card (from the demo's cases); G3 and G6 on a phone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.journeys.conftest import DESK, PHONE, new_page

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)
DOCUMENT_S = 60


@pytest.fixture(scope="module")
def worker(product: Any) -> Iterator[None]:
    """The product's worker: it makes the documents."""
    log = open(f"{product.env['ZHIGUAN_VAR']}/worker.log", "wb")  # noqa: SIM115 -- the process keeps it
    running = subprocess.Popen([sys.executable, "-m", "zhiguan.site.cli", "worker"], env=product.env, stdout=log,
                               stderr=subprocess.STDOUT)  # fmt: skip
    yield
    running.terminate()
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        running.kill()
    log.close()


@pytest.fixture(scope="module")
def desks(product: Any, browser: Any) -> Iterator[Callable[[str], Any]]:
    """Everybody's page, kept from one item to the next: a browser that has been here before loads faster."""
    pages: dict[str, Any] = {}

    def page(who: str) -> Any:
        if who not in pages:
            pages[who] = new_page(product, browser, who or None)
        return pages[who]

    yield page
    for each in pages.values():
        each.context.close()


class Walk:
    """One application: who does what in the browser, and what they see."""

    def __init__(self, product: Any, desks: Callable[[str], Any], viewport: dict[str, int]) -> None:
        self.product, self.desks, self.viewport = product, desks, viewport
        self.pages: dict[str, Any] = {}
        self.url = self.code = ""

    def page(self, who: str) -> Any:
        """Somebody's page, or with ``""`` that of anybody who has not signed in."""
        if who not in self.pages:
            self.pages[who] = self.desks(who)
            self.pages[who].set_viewport_size(self.viewport)
        return self.pages[who]

    # --- the applicant ------------------------------------------------------------------------------------------------

    def begins(self, who: str, name: str) -> Any:
        """From the hall through the guide to a draft."""
        page = self.page(who)
        page.goto("/governance/hall/")
        page.get_by_role("link", name=name, exact=True).click()
        guide = page.locator("main").inner_text()
        for part in ("设定依据", "承诺时限", "申请材料", "办理环节", "办理结果"):
            assert part in guide, part
        with page.expect_navigation():
            page.get_by_role("button", name="立即申请").first.click()
        page.wait_for_selector("[data-island=case-form][data-mounted=done]")
        return page

    def saves(self, page: Any) -> None:
        """Save, and read the page anew: which materials are asked for depends on what was filled in."""
        with page.expect_response(lambda answer: "/save/" in answer.url) as saved:
            page.locator("[data-save-now]").click()
        assert saved.value.status == 200, saved.value.text()
        page.get_by_text("已保存").first.wait_for()
        page.reload()
        page.wait_for_selector("[data-island=case-form][data-mounted=done]")

    def hands_in(self, page: Any) -> None:
        """Upload what the checklist asks for and submit."""
        for code in page.eval_on_selector_all("[data-material]", "all => all.filter(e => e.innerText.includes('必须提供') && "
                                              "!e.querySelector('a[href*=\"/file/\"]')).map(e => e.dataset.material)"):  # fmt: skip
            row = page.locator(f"[data-material={code}]")
            content = PDF + f"%{code} {page.url}".encode()
            row.locator("input[type=file]").set_input_files({"name": f"{code}.pdf", "mimeType": "application/pdf", "buffer": content})
            row.get_by_role("button", name="上传").click()
            page.locator(f"[data-material={code}] a[href*='/file/']").first.wait_for()
        page.wait_for_selector("[data-island=case-form][data-mounted=done]")
        with page.expect_navigation():
            page.locator("[data-submit-case]").click()
        assert "/form/" not in page.url, page.locator("main").inner_text()
        self.url = page.url.split("#")[0]
        self.code = re.search(r"BJ\d{14}", page.locator("main").inner_text())[0]

    # --- who handles --------------------------------------------------------------------------------------------------

    def says(self, who: str, button: str, opinion: str = "经审查，情况属实。") -> Any:
        """Open the case and decide one's step with the button."""
        page = self.page(who)
        page.goto(self.url)
        page.fill("#opinion", opinion)
        with page.expect_navigation():
            page.locator(".zg-decide").get_by_role("button", name=button, exact=True).click()
        return page

    def acts(self, who: str, act: str, fill: dict[str, str], button: str = "") -> Any:
        """Open one of the acts at the page's head, fill in its form and send it."""
        page = self.page(who)
        page.goto(self.url)
        link = page.locator(".zg-head-actions").get_by_role("link", name=act, exact=True)
        if not link.first.is_visible():
            page.get_by_text("更多操作").first.click()
        with page.expect_navigation():
            link.first.click()
        for name, value in fill.items():
            field = page.locator(f"[name={name}]").first
            if field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(label=value)
            else:
                field.fill(value)
        with page.expect_navigation():
            page.locator("form.zg-form").get_by_role("button", name=button or act, exact=True).click()
        return page

    def stage(self) -> str:
        [(stage, state)] = self.product.rows("SELECT stage, state FROM flow_case WHERE code = %s", self.code)
        return stage or state

    # --- what is seen -------------------------------------------------------------------------------------------------

    def ends_granted(self, who: str) -> None:
        """The applicant sees the result, downloads the document, and anybody can check it."""
        deadline = time.monotonic() + DOCUMENT_S
        question = 'SELECT id, number, digest, unit_id FROM documents_outcomedocument WHERE "case" = %s AND state = %s'
        while not (found := self.product.rows(question, self.code, "valid")):
            assert time.monotonic() < deadline, "no document"
            time.sleep(0.2)
        [(key, number, digest, unit)] = found
        page = self.page(who)
        page.goto("/governance/result/")
        assert number in page.locator("main").inner_text()
        page.goto(self.url)
        assert "台账生效" in page.locator("main").inner_text()
        page.get_by_role("link", name=number, exact=True).first.click()
        page.get_by_role("link", name="登记信息", exact=True).click()
        address = page.locator("a[href*='/check/']").first.get_attribute("href")
        answer = page.request.get(f"/documents/document/{key}/download/")
        assert answer.headers["content-type"] == "application/pdf" and answer.body()[:5] == b"%PDF-"
        anybody = self.page("")
        anybody.goto(re.sub(r"^https?://[^/]+", "", address))
        seen = anybody.locator("main").inner_text()
        assert "有效" in seen and number in seen and digest[:8] in seen
        [(name,)] = self.product.rows("SELECT name FROM orgs_unit WHERE id = %s", unit)
        assert name not in seen and self.code not in seen, "the check page tells nothing but validity"
        if self.viewport == DESK:
            anybody.set_input_files("#file", {"name": "文书.pdf", "mimeType": "application/pdf", "buffer": answer.body()})
            anybody.get_by_role("button", name="比对文件").click()
            anybody.get_by_text("完全一致").wait_for()

    def is_watched(self) -> None:
        """A supervisor sees every step and can act on none."""
        page = self.page("inspector")
        page.goto(self.url)
        seen = page.locator("main").inner_text()
        assert self.code in seen and "办理过程" in seen
        assert page.locator(".zg-decide").count() == 0
        assert page.locator(".zg-head-actions").get_by_role("link", name="办理", exact=True).count() == 0

    def is_sound(self) -> None:
        for who, page in self.pages.items():
            assert page.seen.take() == [], who
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert self.viewport == DESK or wide <= 0, f"{who}: {page.url}"


@pytest.fixture
def walk(product: Any, desks: Any, worker: None, request: pytest.FixtureRequest) -> Walk:
    return Walk(product, desks, getattr(request, "param", DESK))


def cell(page: Any, label: str, row: int = 1) -> Any:
    """An input of the form's table."""
    return page.get_by_label(f"第 {row} 行{label}", exact=True).first


def choose(page: Any, field: Any, text: str = "") -> None:
    """Pick the first of what a field offers for the text."""
    field.click()
    if text:
        field.fill(text)
    page.locator(".zg-suggest:visible [role=option]", has_text=text or None).first.click()


def ahead(days: int) -> str:
    return (date.today() + timedelta(days=days)).isoformat()


def test_g1_title_is_registered_after_a_correction(walk):
    page = walk.begins("fleet", "国有资产产权登记")
    page.fill("[name=legal_no]", "11310000MB2F12345X")
    page.fill("[name=founding]", "沪编〔2010〕1号")
    walk.saves(page)
    walk.hands_in(page)
    todo = walk.page("approver")
    todo.goto("/governance/todo/")
    todo.get_by_role("link", name=re.compile("产权登记")).first.click()
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    walk.acts("reviewer", "通知补正", {"item_founding": "文号不完整，请按文件原文填写。"})
    assert walk.stage() == "登记审查"
    page.goto("/governance/hall/")
    page.get_by_role("link", name="待我补正").click()
    page.goto(walk.url)
    page.get_by_role("link", name="去补正").click()
    page.wait_for_selector("[data-island=case-form][data-mounted=done]")
    assert "文号不完整" in page.locator("main").inner_text()
    assert page.locator("[name=legal_no]").get_attribute("readonly") is not None
    page.fill("[name=founding]", "沪编委〔2010〕1号")
    walk.hands_in(page)
    walk.says("reviewer", "同意")
    if walk.stage() == "现场核查":
        walk.says("manager", "同意")
    walk.is_watched()
    walk.says("leader", "同意")
    walk.ends_granted("fleet")
    page.goto("/assets/title/")
    [(number,)] = walk.product.rows("SELECT document_no FROM flow_case WHERE code = %s", walk.code)
    assert number in page.locator("main").inner_text()
    walk.is_sound()


def test_g2_title_changes_after_a_return(walk):
    page = walk.begins("clerk", "国有资产产权变动登记")
    page.select_option("[name=cause]", "functions")
    choose(page, page.locator("#f_to_unit"), "机关事务管理局")
    page.fill("[name=document_no]", "沪机改〔2026〕2号")
    page.fill("[name=reason]", "职能划转，设备随迁。")
    choose(page, cell(page, "资产编号"))
    asset = cell(page, "资产编号").input_value()
    walk.saves(page)
    walk.hands_in(page)
    walk.says("head", "同意上报")
    walk.says("acceptor", "受理")
    walk.acts("reviewer", "退回环节", {"to": "受理", "reason": "请核对批准文件。"})
    assert walk.stage() == "受理"
    walk.says("acceptor", "受理")
    walk.says("reviewer", "同意")
    if walk.stage() == "现场核查":
        walk.says("manager", "同意")
    walk.says("leader", "同意")
    walk.ends_granted("clerk")
    walk.is_watched()
    page.goto(f"/assets/holder/?q={asset}")
    assert asset in page.locator("main").inner_text()
    walk.is_sound()


@pytest.mark.parametrize("walk", [PHONE], indirect=True)
def test_g3_assets_are_disposed_of_on_a_phone(walk):
    page = walk.begins("fleet", "国有资产处置")
    page.fill("[name=reason]", "超过使用年限，无维修价值。")
    page.fill("[name=meeting]", "本月局务会议")
    page.select_option("[name=reuse]", "unfit")
    if not cell(page, "资产编号").input_value():
        choose(page, cell(page, "资产编号"))
    asset = cell(page, "资产编号").input_value()
    for row in range(1, page.locator("#table-rows tbody tr").count() + 1):
        cell(page, "说明", row).fill("主板损坏")
    walk.saves(page)
    walk.hands_in(page)
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    if walk.stage() == "公物仓调剂匹配":
        walk.says("acceptor", "无单位需要，继续处置")
    walk.says("reviewer", "同意")
    if walk.stage() == "专家鉴定":
        walk.says("expert", "同意")
    walk.says("manager" if walk.stage() == "处室负责人审批" else "leader", "同意")
    walk.ends_granted("fleet")
    walk.is_watched()
    page.goto(f"/assets/asset/?q={asset}")
    assert "待处置" in page.locator("main").inner_text()
    walk.is_sound()


def test_g4_establishment_is_countersigned(walk):
    page = walk.begins("clerk", "公务用车编制核定")
    page.fill("[name=reason]", "监督检查任务增加。")
    page.fill("[name=effective_on]", ahead(60))
    before = int(cell(page, "现有编制").input_value())
    cell(page, "申请编制").fill(str(max(before, int(cell(page, "实有车辆").input_value())) + 2))
    walk.saves(page)
    walk.hands_in(page)
    walk.says("head", "同意上报")
    walk.says("acceptor", "受理")
    walk.says("reviewer", "同意")
    assert walk.stage() == "会同财政部门审查"
    walk.says("finance", "同意")
    assert walk.stage() == "会同财政部门审查", "everybody of the group signs"
    walk.says("manager", "同意")
    walk.says("leader", "同意")
    walk.ends_granted("clerk")
    walk.is_watched()
    page = walk.page("manager")
    [(number,)] = walk.product.rows("SELECT document_no FROM flow_case WHERE code = %s", walk.code)
    page.goto(f"/vehicles/quota/?q={number}")
    assert number in page.locator("main").inner_text()
    walk.is_sound()


def test_g5_renewal_stands_still_while_suspended(walk):
    page = walk.begins("fleet", "公务用车新增更新")
    page.fill("[name=reason]", "达到更新年限。")
    choose(page, cell(page, "拟更新车辆"))
    plate = cell(page, "拟更新车辆").input_value()
    cell(page, "预算价格").fill("118000")
    walk.saves(page)
    assert cell(page, "拟更新车辆").input_value() == plate, "a plate, not a key"
    walk.hands_in(page)
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    walk.acts("reviewer", "挂起", {"ground": "鉴定", "reason": "旧车技术状况正在鉴定。"})
    assert "计时暂停" in walk.page("reviewer").locator("main").inner_text()
    handler = walk.page("reviewer")
    with handler.expect_navigation():
        handler.get_by_role("link", name="恢复办理", exact=True).first.click()
    with handler.expect_navigation():
        handler.locator("form.zg-form").get_by_role("button", name="恢复办理", exact=True).click()
    walk.says("reviewer", "同意")
    if walk.stage() == "现场核查旧车":
        walk.says("manager", "同意")
    walk.says("leader", "同意")
    walk.ends_granted("fleet")
    walk.is_watched()
    page.goto(f"/vehicles/plan/?q={plate}")
    assert plate in page.locator("main").inner_text()
    walk.is_sound()


@pytest.mark.parametrize("walk", [PHONE], indirect=True)
def test_g6_repairs_enter_the_plan_with_the_money_the_review_allows_on_a_phone(walk):
    page = walk.begins("fleet", "办公用房大中修及专项维修计划")
    page.fill("[name=reason]", "屋面渗漏。")
    choose(page, cell(page, "楼宇"))
    for label, value in (("项目名称", "屋面防水维修"), ("维修面积", "100"), ("估算投资", "30000"), ("维修理由", "顶层渗漏")):
        cell(page, label).fill(value)
    assert "核定投资" not in page.locator("main").inner_text(), "that is for the review"
    walk.saves(page)
    walk.hands_in(page)
    page.goto(f"{walk.url}?tab=申请内容")
    assert "核定投资" not in page.locator("main").inner_text()
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    walk.acts("reviewer", "办理", {"edit_rows_1_approved": "26000", "opinion": "按控制值核减。"})
    for who in ("manager", "acceptor"):
        if walk.stage() in ("现场查勘", "专家（造价）评审"):
            walk.says(who, "同意")
    walk.says("leader", "同意")
    walk.ends_granted("fleet")
    walk.is_watched()
    page.goto(f"{walk.url}?tab=申请内容")
    assert "26,000.00" in page.locator("main").inner_text()
    page.goto("/space/repairplan/?q=屋面防水维修")
    assert "26,000.00" in page.locator("main").inner_text()
    walk.is_sound()


def test_g7_size_is_set_by_the_standard(walk):
    page = walk.begins("fleet", "办公用房规模核定")
    page.fill("[name=reason]", "编制调整。")
    page.fill("[name=effective_on]", ahead(30))
    assert page.locator("[name=approved]").count() == 0
    wanted = page.locator("[name=wanted]").input_value()
    walk.saves(page)
    walk.hands_in(page)
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    approved = f"{float(wanted) - 10:.2f}"
    walk.acts("reviewer", "办理", {"edit_approved": approved, "opinion": "按标准核减。"})
    for who in ("manager", "acceptor"):
        if walk.stage() in ("现场核实", "专题会审"):
            walk.says(who, "同意")
    walk.says("leader", "同意")
    walk.ends_granted("fleet")
    walk.is_watched()
    page.goto("/space/organsize/")
    assert f"{float(approved):,.2f}" in page.locator("main").inner_text()
    walk.is_sound()


def test_g8_allowances_are_computed_and_told(walk):
    page = walk.begins("fleet", "公务员住房补贴对象和金额核定")
    page.fill("[name=publicity]", "已公示五个工作日，无异议。")
    busy = {name for (name,) in walk.product.rows(
        "SELECT p.name FROM identity_account a JOIN orgs_person p ON p.id = a.person_id")}  # fmt: skip
    row = 1
    while (person := cell(page, "人员", row)).count():
        if person.input_value() in busy or row > 1:
            page.get_by_label(f"移除第 {row} 行").click()
        else:
            row += 1
    name = cell(page, "人员").input_value()
    walk.saves(page)
    walk.hands_in(page)
    walk.says("approver", "同意上报")
    walk.says("acceptor", "受理")
    walk.says("reviewer", "同意")
    for who in ("manager", "acceptor"):
        if walk.stage() == "复核":
            walk.says(who, "同意")
    walk.says("leader", "同意")
    walk.ends_granted("fleet")
    walk.is_watched()
    page.goto(f"/housing/allowance/?q={name}")
    assert name in page.locator("main").inner_text()
    walk.is_sound()


def test_cards_and_refusals_are_seen_by_supervisors(desks):
    page = desks("inspector")
    page.goto("/governance/supervision/")
    assert int(page.locator("a[href*='rung=red'] strong").inner_text()) > 0
    page.locator("a[href*='rung=red']").first.click()
    page.locator("tbody tr a").first.click()
    seen = page.locator("main").inner_text()
    assert "红牌" in seen and "超期" in seen and page.locator(".zg-decide").count() == 0
    key = re.search(r"/case/(\d+)/", page.url)[1]
    token = page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value")
    tried = page.request.post(f"/governance/case/{key}/decide/", form={"outcome": "agree", "csrfmiddlewaretoken": token or ""},
                              headers={"Referer": page.url})  # fmt: skip
    assert tried.status in (403, 404), tried.status
    page.goto("/governance/supervised/?state=refused")
    page.locator("tbody tr a").first.click()
    assert "不予批准的理由" in page.locator("main").inner_text()
    assert page.seen.take() == []
