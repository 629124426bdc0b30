"""The line state-owned assets (智慧国资), SPEC L1."""

from zhiguan.kit.manifest import Line

LINE = Line(
    code="assets",
    name="国有资产",
    order=10,
    icon="building-bank",
    summary="资产卡片、折旧、交接、产权登记、处置与权属划转的台账，二维码标签，产权登记、变动登记与处置事项。",
    basis=("《行政事业性国有资产管理条例》", "《固定资产等资产基础分类与代码》（GB/T 14885-2022）"),
)
