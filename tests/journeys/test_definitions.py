"""A process definition drawn in the browser by one person, tested, and published by another."""

from __future__ import annotations

import re
from typing import Any

from tests.journeys.conftest import PHONE


def fault_free(page: Any) -> None:
    assert page.seen.take() == []


def new_draft(page: Any) -> str:
    """Make a draft of the quota item's process; returns the address of its page."""
    page.goto("/governance/definition/?item=vehicles.vehicle_quota&state=published")
    page.locator("tbody tr a").first.click()
    page.get_by_role("link", name="新建版本", exact=True).first.click()
    page.fill("textarea[name=note]", "缩短审查时限")
    with page.expect_navigation():
        page.locator("form.zg-form").get_by_role("button", name="新建版本", exact=True).click()
    page.get_by_text("草稿", exact=True).first.wait_for()
    return re.sub(r"https?://[^/]+|\?.*", "", page.url)


def choose(page: Any, node: str) -> None:
    """Select an element in the drawing; again when the page was still settling under the pointer."""
    for _ in range(10):
        page.locator(f'.zg-model-canvas [data-element-id="{node}"] .djs-hit').first.click(force=True)
        page.wait_for_timeout(200)
        code = page.locator(".zg-model-panel label", has_text="代码").locator("input").first
        if code.count() and code.input_value() == node:
            return
    raise AssertionError(f"{node} cannot be selected")


def save(page: Any) -> dict[str, Any]:
    """Press 保存; returns the answer when the page has shown it."""
    with page.expect_response(lambda answer: "/save/" in answer.url) as saved:
        page.get_by_role("button", name="保存", exact=True).click()
    page.get_by_role("status").filter(has_text=re.compile("已保存|没有保存")).wait_for()
    return saved.value.json()


def test_a_step_is_changed_in_the_modeller_tested_and_published_by_another(product, open_as):
    page = open_as("designer")
    url = new_draft(page)
    key = int(url.rstrip("/").rsplit("/", 1)[1])

    page.goto(f"{url}edit/")
    page.wait_for_selector("[data-island=bpmn-edit][data-mounted=done]")
    choose(page, "review")
    page.get_by_label("时限").fill("9")
    page.get_by_label("名称").fill("编制复审")
    assert save(page)["faults"] == []
    fault_free(page)
    [(text,)] = product.rows("SELECT bpmn FROM flow_definition WHERE id = %s", key)
    [(before,)] = product.rows("SELECT bpmn FROM flow_definition WHERE item = 'vehicles.vehicle_quota' AND state = 'published'")
    step = re.search(r'<[^>]*userTask id="review"[^>]*>', text)[0]
    assert 'zg:days="9"' in step and 'name="编制复审"' in step
    attributes = re.findall(r' zg:\w+="[^"]*"', before)
    wanted = [*(each for each in attributes if each != ' zg:days="7"'), ' zg:days="9"']
    assert sorted(re.findall(r' zg:\w+="[^"]*"', text)) == sorted(wanted)
    assert text.count("conditionExpression") == before.count("conditionExpression")

    # What cannot run is told at its element and not kept.
    choose(page, "review")
    page.get_by_role("button", name=re.compile("去掉这一类人")).first.click()
    assert save(page)["faults"][0]["at"] == "review"
    page.locator(".zg-model-found").get_by_text("未指定办理人").wait_for()
    page.seen.take()
    page.on("dialog", lambda dialog: dialog.accept())

    page.goto(f"{url}table/route/")
    page.wait_for_selector("[data-island=dmn-edit][data-mounted=done]")
    page.get_by_label("规则 1 的规则说明").fill("浏览器里改的说明")
    page.locator(".zg-grid-given", has_text="编制净增").locator("input").fill("2")
    page.get_by_role("button", name="试算", exact=True).click()
    page.locator(".zg-grid-hit").first.wait_for()
    save(page)
    assert "浏览器里改的说明" in product.rows("SELECT tables->>'route' FROM flow_definition WHERE id = %s", key)[0][0]

    page.goto(f"{url}checks/")
    page.wait_for_selector("[data-island=flow-checks][data-mounted=done]")
    page.get_by_role("button", name="新增用例", exact=True).click()
    page.get_by_role("button", name="运行全部", exact=True).click()
    page.get_by_text("全部通过。").wait_for()
    save(page)
    fault_free(page)

    page.goto(url)
    page.get_by_role("link", name="提交复核", exact=True).first.click()
    with page.expect_navigation():
        page.locator("form.zg-form").get_by_role("button", name="提交复核", exact=True).click()
    assert page.get_by_role("link", name="发布", exact=True).count() == 0

    other = open_as("publisher")
    other.goto(f"{url}?tab=版本差异")
    other.get_by_text("步骤“编制复审” 时限").wait_for()
    other.get_by_role("link", name="发布", exact=True).first.click()
    with other.expect_navigation():
        other.locator("form.zg-form").get_by_role("button", name="发布", exact=True).click()
    other.get_by_text("已发布", exact=True).first.wait_for()
    fault_free(other)


def test_a_new_table_is_made_filled_and_chosen_by_a_step(product, open_as):
    page = open_as("designer")
    url = new_draft(page)
    key = int(url.rstrip("/").rsplit("/", 1)[1])
    page.goto(f"{url}?tab=决策表")
    page.get_by_role("link", name="新建决策表", exact=True).last.click()
    page.fill("[name=code]", "visit")
    page.fill("[name=title]", "是否须现场核查")
    page.get_by_label("编制净增（increase）").check()
    page.fill("[name=output]", "needed")
    page.fill("[name=label]", "须核查")
    page.select_option("[name=type]", "boolean")
    page.fill("[name=value]", "否")
    with page.expect_navigation():
        page.locator("form.zg-form").get_by_role("button", name="新建决策表", exact=True).click()
    page.wait_for_selector("[data-island=dmn-edit][data-mounted=done]")
    assert page.get_by_label("规则 1 须核查").input_value() == "false"
    page.get_by_role("button", name="添加规则", exact=True).click()
    page.get_by_label("规则 2 编制净增").fill("> 5")
    page.get_by_label("规则 2 须核查").fill("true")
    page.get_by_label("规则 2 上移").click()
    page.locator(".zg-grid-given", has_text="编制净增").locator("input").fill("6")
    page.get_by_role("button", name="试算", exact=True).click()
    page.locator(".zg-grid-hit").first.wait_for()
    save(page)
    [(table,)] = product.rows("SELECT tables->>'visit' FROM flow_definition WHERE id = %s", key)
    assert table.index("&gt; 5") < table.index("其他情形") and 'label="编制净增"' in table

    page.goto(f"{url}edit/")
    page.wait_for_selector("[data-island=bpmn-edit][data-mounted=done]")
    choose(page, "route")
    page.locator(".zg-model-panel select").filter(has_text="是否须现场核查").select_option("visit:visit")
    assert save(page)["faults"] == []
    assert 'zg:decision="visit:visit"' in product.rows("SELECT bpmn FROM flow_definition WHERE id = %s", key)[0][0]
    fault_free(page)


def test_on_a_phone_a_process_is_readable_and_cannot_be_broken(open_as):
    page = open_as("designer", PHONE)
    url = new_draft(page)
    page.goto(f"{url}edit/")
    page.wait_for_selector("[data-island=bpmn-edit][data-mounted=done]")
    assert page.get_by_role("button", name="保存", exact=True).count() == 0
    choose(page, "lead")
    assert page.get_by_label("名称").input_value() == "单位审核"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    fault_free(page)
