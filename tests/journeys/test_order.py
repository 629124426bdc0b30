"""From a request for a car to its rating, each step by the person whose step it is."""

from __future__ import annotations

from typing import Any

from tests.journeys.conftest import PHONE


def submit(page: Any, button: str) -> None:
    """Press the open form's button and wait for the page behind it."""
    with page.expect_navigation():
        page.locator("form.zg-form").get_by_role("button", name=button, exact=True).click()


def act(page: Any, name: str) -> None:
    """Open one of the acts that the page offers at its head."""
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).first.click()


def test_nothing_opens_before_the_first_password_is_changed(product, open_as):
    page = open_as(None)
    page.goto("/accounts/login/?next=/vehicles/vehicle/")
    page.fill("input[name=login]", "newcomer")
    page.fill("input[name=password]", product.first_passwords["newcomer"])
    page.click("button[type=submit]")
    page.wait_for_url("**/accounts/password/change/**")
    page.goto("/trace/entry/")
    assert "/accounts/password/change/" in page.url
    open_as("newcomer").goto("/")  # changes it
    page.goto("/trace/entry/")
    assert "/accounts/login/" in page.url, "the other session must have ended with the old password"
    page.fill("input[name=login]", "newcomer")
    page.fill("input[name=password]", product.first_passwords["newcomer"])
    page.click("button[type=submit]")
    page.wait_for_selector("[role=alert]")


def test_from_request_to_rating(product, open_as):
    driver_name = product.rows(
        "SELECT p.name FROM identity_account a JOIN orgs_person p ON p.id = a.person_id WHERE a.username = 'driver'"
    )[0][0]

    # The driver comes back from the standing duty of the demo, if on one, and is free.
    driver = open_as("driver", PHONE)
    driver.goto("/vehicles/order/my-drives/?state=started")
    for _ in range(driver.locator("tbody tr").count()):
        driver.locator("tbody tr a").first.click()
        act(driver, "收车")
        driver.fill("input[name=odometer_end_km]", "120")
        submit(driver, "收车")
        driver.goto("/vehicles/order/my-drives/?state=started")
    assert driver.locator("tbody tr").count() == 0

    staff = open_as("staff")
    staff.goto("/")
    staff.get_by_role("link", name="申请用车").first.click()
    staff.fill("input[name=purpose]", "到区里调研")
    staff.fill("input[name=destination]", "区行政服务中心")
    submit(staff, "提交申请")
    code = staff.locator("h1").inner_text().split()[0]
    address = staff.url
    assert "待审批" in staff.locator("h1").inner_text()
    assert staff.get_by_role("link", name="批准", exact=True).count() == 0, "nobody approves their own request here"

    approver = open_as("approver")
    approver.goto("/vehicles/order/to-approve/")
    approver.get_by_role("link", name=code).click()
    act(approver, "批准")
    submit(approver, "批准")
    assert "待派车" in approver.locator("h1").inner_text()

    fleet = open_as("fleet")
    fleet.goto("/vehicles/order/to-dispatch/")
    fleet.get_by_role("link", name=code).click()
    act(fleet, "派车")
    fleet.select_option("select[name=vehicle]", index=1)
    offered = fleet.locator("select[name=driver] option").all_inner_texts()
    fleet.select_option("select[name=driver]", label=next(text for text in offered if text.startswith(driver_name)))
    submit(fleet, "派车")
    assert "已派车" in fleet.locator("h1").inner_text()

    driver.goto("/")
    driver.goto("/vehicles/order/my-drives/?state=dispatched")
    driver.get_by_role("link", name=code).click()
    act(driver, "出车")
    driver.fill("input[name=odometer_start_km]", "23100")
    submit(driver, "出车")
    assert "出车中" in driver.locator("h1").inner_text()
    act(driver, "收车")
    driver.fill("input[name=odometer_end_km]", "23000")
    driver.get_by_role("button", name="收车", exact=True).click()
    driver.wait_for_selector(".zg-field-error, [role=alert]")
    assert "不能小于出车里程" in driver.locator("main").inner_text()
    driver.fill("input[name=odometer_end_km]", "23140")
    submit(driver, "收车")
    assert "已收车" in driver.locator("h1").inner_text()
    assert driver.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0

    staff.goto(address)
    act(staff, "评价")
    staff.select_option("select[name=rating]", "5")
    staff.fill("[name=rating_note]", "准时、平稳")
    submit(staff, "评价")

    staff.get_by_role("link", name="变动记录", exact=True).click()
    staff.wait_for_url("**tab=**")
    history = staff.locator("main").inner_text()
    for step in ("批准", "派车", "出车", "收车", "评价"):
        assert step in history
    told = product.rows(
        "SELECT e.name FROM ledger_ledgerevent e JOIN vehicles_dispatchorder o ON o.id = e.subject_id "
        "WHERE e.subject_type = 'vehicles.dispatchorder' AND o.code = %s ORDER BY e.id", code,
    )  # fmt: skip
    assert [row[0] for row in told][1:5] == ["批准", "派车", "出车", "收车"]
    for page in (staff, approver, fleet, driver):
        assert page.seen.take() == []
