"""Acts that only the site can name: they join parts that do not know each other, or happen in libraries."""

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import MenuGroup

AUDIT = MenuGroup("audit", "审计", 910, "timeline")
OPEN_API = MenuGroup("api", "开放接口", 920, "plug")

ACTS = tuple(
    TraceCode(code, name)
    for code, name in (
        ("site.page.export", "导出列表"),
        ("site.rows.realign", "数据权限位置归位"),
        ("identity.session.begin", "登录"),
        ("identity.session.refuse", "登录失败"),
        ("identity.session.finish", "退出登录"),
        ("identity.password.change", "修改密码"),
        ("identity.factor.add", "添加登录验证方式"),
        ("identity.factor.remove", "移除登录验证方式"),
        ("identity.factor.reset", "重新生成恢复码"),
        ("identity.account.create", "新建账号"),
        ("identity.account.disable", "停用账号"),
        ("identity.account.enable", "启用账号"),
        ("identity.account.unlock", "解锁账号"),
        ("identity.account.reset_password", "重置口令"),
        ("identity.account.clear_factors", "清除登录验证方式"),
        ("identity.grant.refuse", "不同意授权"),
        ("identity.grant.revoke", "撤销授权"),
        ("identity.policy.change", "变更口令与会话策略"),
        ("identity.app.create", "登记应用"),
        ("identity.app.disable", "停用应用"),
        ("identity.app.enable", "启用应用"),
        ("identity.apikey.issue", "签发接口密钥"),
        ("identity.apikey.revoke", "停用接口密钥"),
    )
)
