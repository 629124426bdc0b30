"""The line office premises (办公用房), SPEC L3."""

from zhiguan.kit.manifest import Line

LINE = Line(
    code="space",
    name="办公用房",
    order=30,
    icon="building",
    summary="楼宇、房间、调配与使用人台账，按标准测算和核定规模，大中修及专项维修年度计划。",
    basis=("《党政机关办公用房管理办法》", "《党政机关办公用房建设标准》", "《机关团体建设楼堂馆所管理条例》", "《机关事务管理条例》"),
)
