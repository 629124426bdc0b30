"""The line official vehicles (公务用车), SPEC L4."""

from zhiguan.kit.manifest import Line

LINE = Line(
    code="vehicles",
    name="公务用车",
    order=40,
    icon="car",
    summary="编制、配备、使用、处置的全生命周期台账，用车“一张网”，卫星定位与违规识别。",
    basis=("《机关事务管理条例》", "《党政机关公务用车管理办法》", "《公共机构节能条例》"),
)
