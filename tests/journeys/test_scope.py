"""Addresses typed by hand: what lies outside of somebody's scope does not exist for them, on any declared page."""

from __future__ import annotations

import re
from typing import Any

from zhiguan.kit import registry
from zhiguan.kit.actor import system
from zhiguan.kit.pages import DetailPage, Page

REFUSED = (403, 404)
WITHOUT_ROWS = {
    "files/": "files_storedfile", "governance/todo/": "flow_seat", "vehicles/drive/": "vehicles_dispatchorder",
    "vehicles/due/": "vehicles_dueitem",
}  # fmt: skip
"""Addresses that name a row of no declared list, by the table they name."""


def filled(path: str, number: str) -> str:
    """An address with something in the place of every name."""
    return re.sub(r"<str:\w+>", "nothing.such", re.sub(r"<int:\w+>", number, path))


def tables() -> dict[str, str]:
    """Return path prefix → table of the rows that the declared pages show under it."""
    found = {}
    for page in registry.current().all(Page):
        rows = getattr(page, "rows", None)
        if rows is not None and "<int:pk>" in page.path:
            found[page.path] = rows(system("tests")).model._meta.db_table
    return found


def addresses() -> dict[str, str]:
    """Return every declared address that names a row, acts included → its table."""
    known, found = tables() | WITHOUT_ROWS, {}
    for page in registry.current().all(Page):
        if "<int:pk>" not in page.path:
            continue
        above = [path for path in known if page.path.startswith(path)]
        assert above, f"{page.code}: nothing tells whose rows its address names"
        table = known[max(above, key=len)]
        found[page.path] = table
        if isinstance(page, DetailPage):
            found |= {f"{page.path}{act.code}/": table for act in page.actions}
    return found


def _ids(product: Any, table: str, lo: int, hi: int, *, inside: bool) -> int | None:
    columns = [
        name for (name,) in product.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name LIKE '%%\\_pos'", table
        )
    ]  # fmt: skip
    if "scope_pos" not in columns:
        return None
    if inside:
        where, values = "scope_pos BETWEEN %s AND %s", [lo, hi]
    else:  # a statement between two organs is a row of both
        where = " AND ".join(f"({name} IS NULL OR {name} NOT BETWEEN %s AND %s)" for name in columns)
        values = [lo, hi] * len(columns)
    found = product.rows(f'SELECT id FROM "{table}" WHERE {where} ORDER BY id LIMIT 1', *values)
    return found[0][0] if found else None


def _post(page: Any, path: str) -> int:
    token = next((each["value"] for each in page.context.cookies() if each["name"] == "csrftoken"), "")
    answer = page.request.post(
        path, form={"csrfmiddlewaretoken": token, "_version": "1", "reason": "测试"}, max_redirects=0,
        headers={"Referer": page.url},
    )  # fmt: skip
    return answer.status


def test_rows_of_other_organs_are_refused_by_every_page_and_act(product, open_as):
    page = open_as("fleet")
    page.goto("/vehicles/order/new/")  # gives the token that forms carry
    lo, hi = product.rows(
        "SELECT o.pos, o.pos_end FROM identity_account a JOIN orgs_unit u ON u.id = a.unit_id JOIN orgs_unit o "
        "ON o.kind = 'organ' AND u.pos BETWEEN o.pos AND o.pos_end WHERE a.username = 'fleet'"
    )[0]
    before = product.rows("SELECT count(*) FROM ledger_ledgerevent")
    wrong, refused, shown = [], 0, 0
    for path, table in sorted(addresses().items()):
        outside = _ids(product, table, lo, hi, inside=False)
        if outside is not None:
            address = "/" + path.replace("<int:pk>", str(outside))
            for method, status in (("GET", page.request.get(address, max_redirects=0).status),
                                   ("POST", _post(page, address))):  # fmt: skip
                refused += status in REFUSED
                if status not in (*REFUSED, 405) and (method, status, path[-5:]) != ("POST", 422, "/act/"):
                    wrong.append(f"{method} {address}: {status}")
        within = _ids(product, table, lo, hi, inside=True)
        if within is not None:
            shown += page.request.get("/" + path.replace("<int:pk>", str(within)), max_redirects=0).status == 200
    assert not wrong, "\n".join(wrong)
    assert refused >= 30
    assert shown >= 5, "the same addresses must open with rows of the own organ, or this test proves nothing"
    assert product.rows("SELECT count(*) FROM ledger_ledgerevent") == before


def test_pages_without_permission_and_rows_of_nobody_are_refused(product, open_as):
    page = open_as("driver")
    page.goto("/")
    held = {
        code
        for (codes,) in product.rows(
            "SELECT r.permissions FROM identity_grant g JOIN identity_role r ON r.id = g.role_id "
            "JOIN identity_account a ON a.id = g.account_id WHERE a.username = 'driver'"
        )
        for code in codes
    }
    wrong, asked = [], 0
    for each in registry.current().all(Page):
        path = "/" + filled(each.path, "999999999")
        if "<" in path or ("<" not in each.path and (each.permission == "*" or each.permission in held)):
            continue
        asked += 1
        status = page.request.get(path, max_redirects=0).status
        if status == 405:  # an act without a form of its own
            status = _post(page, path)
            if status == 422:  # refused for what it lacks, before anything is looked for
                continue
        if status not in REFUSED:
            wrong.append(f"{path}: {status}")
    assert not wrong, "\n".join(wrong)
    assert asked >= 30


def test_without_sign_in_every_page_leads_to_the_sign_in(open_as):
    page = open_as(None)
    wrong = []
    for each in registry.current().all(Page):
        path = "/" + filled(each.path, "1")
        answer = page.request.get(path, max_redirects=0)
        if answer.status not in (302, 401) or (answer.status == 302 and "/accounts/login/" not in answer.headers["location"]):
            wrong.append(f"{path}: {answer.status}")
    assert not wrong, "\n".join(wrong)
