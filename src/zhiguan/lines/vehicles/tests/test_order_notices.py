"""Requester and driver are told what becomes of an order; whoever acts is not told what they did themselves."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from zhiguan.kernel.notices.service import told
from zhiguan.kit.errors import Conflict
from zhiguan.lines.vehicles.domain import orders


@pytest.fixture
def titles(world):
    """The titles of what an account of each of these people was told, oldest first."""
    for number, name in enumerate(("申请人", "驾驶员", "驾驶员二")):
        get_user_model().objects.create(username=f"a{number}", person=world.people[name], unit=world.organ)

    def of(name: str) -> list[str]:
        (account,) = get_user_model().objects.filter(person__name=name)
        return [notice.title for notice in told(account.pk)]

    return of


def test_the_way_of_an_order(world, make_vehicle, make_driver, make_order, titles):
    cars, order = [make_vehicle("沪A11111"), make_vehicle("沪A22222")], make_order()
    drivers = [make_driver("驾驶员"), make_driver("驾驶员二")]
    with world.manager.acting():
        order = orders.approve(world.manager, order)
        order = orders.dispatch(world.manager, order, vehicle=cars[0], driver=drivers[0])
        order = orders.redispatch(world.manager, order, vehicle=cars[1], driver=drivers[1], reason="车辆故障")
    with world.requester.acting():
        orders.cancel(world.requester, order, reason="会议取消")
    code = order.code
    assert titles("申请人") == [f"用车申请 {code} 已批准，等待派车", f"派车单 {code} 已派车", f"派车单 {code} 已改派"]
    assert titles("驾驶员") == [f"您有出车任务：{code}", f"派车单 {code} 已改派给其他驾驶员"]
    assert titles("驾驶员二") == [f"您有出车任务：{code}", f"派车单 {code} 已取消"]


def test_a_refusal_tells_why_and_a_failed_act_tells_nobody(world, make_order, titles):
    order = make_order()
    with world.manager.acting():
        orders.refuse(world.manager, order, reason="当日有公务班车")
        with pytest.raises(Conflict):
            orders.approve(world.manager, order)
    assert titles("申请人") == [f"用车申请 {order.code} 未获批准"]
