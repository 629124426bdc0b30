"""The line housing security (住房保障), SPEC L7."""

from zhiguan.kit.manifest import Line

LINE = Line(
    code="housing",
    name="住房保障",
    order=70,
    icon="home",
    summary="公务员住房档案，住房补贴对象和金额的核定、发放状态与依据说明。",
    basis=("《在京中央和国家机关进一步深化住房制度改革实施方案》", "《国务院关于进一步深化城镇住房制度改革加快住房建设的通知》"),
)
