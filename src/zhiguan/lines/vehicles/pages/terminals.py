"""Terminals: the fleet of devices, one device, commands, areas they carry, driver cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    Bool,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import register, terminal_areas, terminals
from ..forms import terminals as forms
from ..forms.register import TerminalForm
from ..models import AreaShape
from ..models.terminals import CardMatch
from ..queries import devices as fleet
from ..queries import tracks
from .parts import address_of, changing, in_state, making, states, unit_options

SEND, MANAGE, VIEW = "telemetry.command.send", "vehicles.terminal.manage", "vehicles.terminal.view"
EDITIONS = {2011: "2011", 2013: "2013", 2019: "2019"}
HEX_SHOWN = 120
CONFIDENTIAL = frozenset({0x0102, 0x0104, 0x0702})
"""Messages with authentication codes, parameters (passwords among them) or a person's papers."""

PRESENCE = Badge(
    "presence", "在线状态", {"在线": "green", "—": "secondary", fleet.NONE_YET: "secondary"}, value=fleet.presence,
    needs=("state", "source.last_seen_at", "source.session.seen_at", "source.session.disconnected_at"),
)  # fmt: skip
COMMAND_STATE = Badge("state", "状态", telemetry.COMMAND_COLOURS, choices=telemetry.CommandState.choices)
WHAT = Column(
    "what", "指令", value=lambda row: telemetry.describe(row.kind, row.payload), needs=("kind", "payload"), wide=True
)
OUTCOME = Column("outcome", "说明", value=telemetry.reason_of, needs=("state", "result", "answer"))

SILENT_DAYS = {1: "超过 1 天", 3: "超过 3 天", 7: "超过 7 天", 30: "超过 30 天"}


class SilentFilter(ChoiceFilter):
    """Terminals in use that have said nothing for the chosen number of days, or never anything."""

    def condition(self, values: Sequence[Any]) -> Q:
        return fleet.offline_for(min(values))


TERMINALS = ListPage(
    code="vehicles.terminal",
    path="vehicles/terminal/",
    title="定位终端",
    menu=MenuItem("vehicles", order=38, icon="device-mobile"),
    permission=VIEW,
    rows=lambda actor: queries.terminals(actor).select_related("source__session", "health"),
    columns=(Column("number", "终端手机号", link=True, sortable=True), states(lifecycle.TERMINAL),
             Column("vehicle.plate", "安装车辆"), Column("unit.name", "单位"), PRESENCE,
             DateTime("source.last_seen_at", "最近上线", sortable=True),
             Number("health.network", "网络信号", sortable=True, help="终端上报的信号强度，0 至 31。"),
             Number("health.satellites", "卫星数", sortable=True), Column("source.firmware", "固件版本", sortable=True),
             Column("source.edition", "协议版本", choices=EDITIONS), Column("maker", "制造商", shown=False),
             Column("model", "型号", shown=False), Bool("health.behind", "固件落后", shown=False),
             DateTime("health.signal_at", "信号时间", shown=False), Date("installed_on", "安装日期", shown=False)),
    search=("^number", "=vehicle.plate", "=source.firmware"),
    search_hint="终端手机号、车牌号、固件版本",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.TERMINAL.choices),
             UnitFilter("unit", "单位", options=unit_options(VIEW)),
             BoolFilter("online", "在线", condition=fleet.online),
             SilentFilter("silent", "离线时长", options=SILENT_DAYS, facets=False, multiple=False),
             BoolFilter("low", "信号弱", condition=fleet.low_signal, help="网络信号低于 10 或卫星少于 5 颗。"),
             BoolFilter("behind", "固件落后", path="health.behind", help="低于同制造商同型号终端的最新固件。"),
             ChoiceFilter("edition", "协议版本", path="source.edition", options=EDITIONS),
             DateRangeFilter("seen", "最近上线", path="source.last_seen_at"),
             BoolFilter("moving", "行驶中", condition=tracks.moving)),
    default_sort="number",
    views=(("全部", ""), ("在线", "state=active&online=1"), ("离线超过 3 天", "silent=3"), ("信号弱", "state=active&low=1"),
           ("固件落后", "state=active&behind=1")),
    page_actions=(PageAction("安装终端", "vehicles.terminal.create", icon="plus", style="primary"),
                  PageAction("批量下发", "vehicles.terminal.batch", icon="send"),
                  PageAction("终端区域", "vehicles.terminalarea", icon="map-pin"),
                  PageAction("下发记录", "vehicles.command", icon="list")),
    export_name="定位终端",
    empty=EmptyState("还没有定位终端", "安装终端后，车辆位置会出现在实时地图上。",
                     PageAction("安装终端", "vehicles.terminal.create")),
)  # fmt: skip


def _parameters(terminal: Any, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    return {"rows": fleet.parameters(terminal, actor)}


def _messages(terminal: Any, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    return {"rows": [message_row(message) for message in fleet.messages_of(terminal, actor)]}


def message_row(message: telemetry.Kept) -> dict[str, Any]:
    """A kept message as the page shows it; a pass-through with the name of its type."""
    fields = message.fields() if message.msg_id in (0x0900, 0x0108, 0x0702, 0x0801) else {}
    names = ("kind_label", "result_label", "state_label", "event_label", "text")
    notes = [str(fields[name]) for name in names if name in fields]
    shown = b"" if message.msg_id in CONFIDENTIAL else message.body[:HEX_SHOWN]
    if not shown and message.body:
        notes.append("含个人信息或通信密码，内容不显示")
    return {
        "received_at": message.received_at, "code": f"{message.msg_id:04X}", "name": message.name,
        "reason": message.reason_label, "note": " · ".join(notes), "hex": shown.hex(" "),
        "more": bool(shown) and len(message.body) > HEX_SHOWN, "size": len(message.body),
    }  # fmt: skip


def media_rows(rows: Any) -> Mapping[str, Any]:
    """Media as the gallery shows them, the latest 60."""
    found = list(rows[:60])
    for medium in found:
        medium.event_text = telemetry.MEDIA_EVENTS.get(medium.event, "其他事件")
        medium.kind_text = telemetry.MEDIA_TYPES.get(medium.kind, "文件")
    return {"rows": found}


def _media(terminal: Any, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    return media_rows(fleet.media_of(terminal, actor))


def vehicle_media(vehicle: Any, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    """The gallery of a vehicle's page."""
    return media_rows(fleet.media_in(vehicle, actor))


def _to(code: str, key: int | None) -> str:
    return reverse(f"{code}.detail", args=[key]) if key else ""


def _active(terminal: Any) -> bool:
    return terminal.state == "active"


CLOSE_REASONS = {
    "": "终端断开", "replaced": "被新连接替换", "idle": "长时间无数据", "shut_out": "终端已停用", "signed_off": "终端注销",
    "gateway_stopped": "网关停止", "gateway_gone": "网关中断", "slow": "传输过慢", "answers_unread": "不接收应答",
    "wrong_messages": "错误消息过多", "not_accepted_in_time": "未按时鉴权",
}  # fmt: skip
CARRIED = (
    Badge(
        "carried", "终端现载", {"未载": "secondary"}, value=lambda row: _version(terminal_areas.carries(row)), needs=()
    ),
    Column("sent_version", "最近下发版本"),
    Badge("command.state", "下发状态", telemetry.COMMAND_COLOURS, choices=telemetry.CommandState.choices),
    Column("deleting", "操作", choices={True: "删除", False: "设置"}),
    DateTime("command.created_at", "下发时间"),
)
SIGN_INS = (
    DateTime("at", "时间", sortable=True),
    Column("on", "动作", choices={True: "插卡", False: "拔卡"}),
    Column("holder_name", "持卡人"),
    Column("driver.person.name", "驾驶员"),
    Column("matched_by", "匹配方式", choices=CardMatch.choices),
    Column("card", "证件号", value=lambda row: masked(row.card_no), needs=("card_no",)),
    Date("valid_until", "证件有效期至"),
)


def _version(number: int | None) -> str:
    return "未载" if number is None else f"第 {number} 版"


def masked(number: str) -> str:
    """A card's number with its middle hidden: it is a person's."""
    return number if len(number) <= 4 else f"{number[:2]}{'*' * (len(number) - 4)}{number[-2:]}"


def _ask(code: str, title: str, verb: Any, **more: Any) -> VerbAction:
    return VerbAction(
        code, title, verb=verb, permission=SEND, when=_active, done="指令已下发，结果见“指令”页签", **more
    )


TERMINAL = DetailPage(
    print=True,
    code="vehicles.terminal", path="vehicles/terminal/<int:pk>/", title=lambda terminal: terminal.number,
    permission=VIEW,
    rows=lambda actor: queries.terminals(actor).select_related("unit", "vehicle", "source__session", "health"),
    badge=states(lifecycle.TERMINAL), subtitle=fleet.presence,
    panels=(
        Panel("终端", fields=(Column("number", "终端手机号"),
                            Column("vehicle.plate", "安装车辆", link=lambda row: _to("vehicles.vehicle", row.vehicle_id)),
                            Column("unit.name", "单位"), Column("maker", "制造商"), Column("model", "型号"),
                            Date("installed_on", "安装日期"))),
        Panel("通信", fields=(PRESENCE, DateTime("source.first_seen_at", "首次上线"), DateTime("source.last_seen_at", "最近上线"),
                            Column("source.session.address", "网络地址"), Column("source.device_id", "终端设备编号"),
                            Column("source.edition", "协议版本", choices=EDITIONS), Bool("source.active", "允许接入"))),
        Panel("健康", fields=(Number("health.network", "网络信号（0 至 31）"), Number("health.satellites", "定位卫星数"),
                            DateTime("health.signal_at", "信号时间"), Column("source.firmware", "固件版本"),
                            Column("health.newest", "同型号最新固件"), Bool("health.behind", "固件落后"))),
        Custom("vehicles/terminal_parameters.html", context=_parameters, title="参数", tab="参数"),
        RelatedList("下发指令", rows=fleet.commands_of, tab="指令", link="vehicles.command.detail",
                    columns=(DateTime("created_at", "下发时间", link=True), WHAT, COMMAND_STATE, OUTCOME,
                             Column("sender", "下发人"), DateTime("answered_at", "应答时间"))),
        RelatedList("所载区域", rows=fleet.carried_of, tab="区域",
                    columns=(Column("area.name", "区域", link=lambda row: _to("vehicles.terminalarea", row.area_id)),
                             *CARRIED)),
        Custom("vehicles/media.html", context=_media, title="影像", tab="影像", permission="vehicles.trip.view"),
        RelatedList("驾驶员刷卡", rows=fleet.sign_ins_of, tab="刷卡", columns=SIGN_INS, permission="vehicles.driver.view"),
        RelatedList("连接记录", rows=fleet.connections_of, tab="连接",
                    columns=(DateTime("connected_at", "上线时间"), DateTime("disconnected_at", "离线时间"),
                             Column("close_reason", "离线原因", choices=CLOSE_REASONS),
                             Column("address", "网络地址"), Number("frames", "消息数"), Number("positions", "位置数"))),
        Custom("vehicles/terminal_messages.html", context=_messages, title="原始报文", tab="报文",
               permission="telemetry.position.view"),
    ),
    actions=(
        _ask("send_text", "下发文本", terminals.send_text, form=forms.TextForm, icon="message"),
        _ask("query_location", "查询位置", terminals.query_location, confirm="请终端立即汇报位置？"),
        _ask("query_parameters", "读取参数", terminals.query_parameters, confirm="读取该终端的全部参数？"),
        _ask("set_parameters", "设置参数", terminals.set_parameters, form=forms.ParametersForm),
        _ask("query_attributes", "读取属性", terminals.query_attributes, confirm="读取终端型号、卡号和固件版本？"),
        _ask("query_driver", "核对驾驶员", terminals.query_driver, confirm="请终端上报当前驾驶员身份？"),
        _ask("track", "临时跟踪", terminals.track, form=forms.TrackForm),
        _ask("take_photo", "立即拍照", terminals.take_photo, form=forms.PhotoForm),
        _ask("fetch_media", "调取影像", terminals.fetch_media, form=forms.FetchForm),
        _ask("pass_through", "数据透传", terminals.pass_through, form=forms.PassThroughForm),
        _ask("control", "终端控制", terminals.control, form=forms.ControlForm, reason=True, style="danger",
             help="复位、恢复出厂、关机等操作会使终端短时离线，恢复出厂后终端所载区域和参数会丢失。"),
        VerbAction("move", "换车", verb=terminals.move_terminal, form=forms.MoveForm, permission=MANAGE, reason=True,
                   when=_active, success=address_of("vehicles.terminal.detail"), done="终端已换到新车，须重新注册",
                   help="从现车拆除并安装到所选车辆；以前的轨迹仍属于原车，终端须重新注册。"),
        VerbAction("close", "拆除", verb=register.remove_terminal, permission=MANAGE, reason=True,
                   when=in_state("active"), style="danger", help="拆除后该终端不能再接入，历史轨迹保留。"),
    ),
    history=queries.history,
)  # fmt: skip
TERMINAL_NEW = FormPage(
    code="vehicles.terminal.create", path="vehicles/terminal/new/", title="安装终端", permission=MANAGE, form=TerminalForm,
    verb=making(register.install_terminal), success=address_of("vehicles.terminal.detail"),
)  # fmt: skip


def _batch(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    kind = values["kind"]
    payload = {"set_parameters": lambda: {"values": values["values"]}, "text": lambda: {"text": values["text"]}}
    chosen = fleet.chosen(actor, units=values["unit"], firmware=values["firmware"], online_only=values["online_only"])
    title = f"批量{dict(forms.BATCH_KINDS)[kind]}：{len(chosen)} 台终端"
    return terminals.command_many(actor, terminals=chosen, kind=kind, payload=payload.get(kind, dict)(), title=title)


TERMINAL_BATCH = FormPage(
    code="vehicles.terminal.batch", path="vehicles/terminal/batch/", title="批量下发", permission=SEND,
    form=forms.BatchForm, verb=_batch, success=address_of("events.job.detail"), submit="下发", done="任务已提交",
    help="按条件向在用终端下发同一指令，离线终端 24 小时内上线后收到。进度在后台任务中显示，每台的结果见下发记录。",
)  # fmt: skip

TERMINAL_COMMANDS = ListPage(
    code="vehicles.command", path="vehicles/command/", title="下发记录", permission=VIEW, rows=fleet.commands,
    columns=(DateTime("created_at", "下发时间", link=True, sortable=True), Column("source.number", "终端手机号"),
             Column("source.key", "车牌号"), WHAT, COMMAND_STATE, OUTCOME, Column("sender", "下发人"),
             DateTime("sent_at", "发出时间", shown=False), DateTime("answered_at", "应答时间"),
             Column("batch", "批次", shown=False)),
    search=("=source.number", "=source.key", "=batch"), search_hint="终端手机号、车牌号、批次",
    filters=(ChoiceFilter("state", "状态", options=telemetry.CommandState.choices),
             ChoiceFilter("kind", "指令", options=telemetry.COMMAND_KINDS),
             DateRangeFilter("created_at", "下发时间")),
    default_sort="-created_at", export_name="终端下发记录", parent="vehicles.terminal",
    empty=EmptyState("还没有下发过指令", "在终端页面下发文本、读取参数等，结果在此列出。"),
)  # fmt: skip
TERMINAL_COMMAND = DetailPage(
    code="vehicles.command", path="vehicles/command/<int:pk>/", title=lambda row: f"指令 {row.pk}", permission=VIEW,
    rows=fleet.commands, badge=COMMAND_STATE,
    panels=(
        Panel("指令", fields=(WHAT, OUTCOME, Column("source.number", "终端手机号"), Column("source.key", "车牌号"),
                            Column("sender", "下发人"), DateTime("created_at", "下发时间"), DateTime("sent_at", "发出时间"),
                            DateTime("answered_at", "应答时间"), DateTime("expires_at", "有效期至"),
                            Column("origin_id", "重发自"), Column("batch", "批次"))),
        Panel("终端应答", fields=(Column("answer", "应答内容", value=fleet.answer_text, wide=True),)),
    ),
    actions=(
        VerbAction("resend", "重发", verb=terminals.resend_command, permission=SEND, style="primary", confirm="重新下发该指令？",
                   when=in_state("refused", "expired", "withdrawn"), success=address_of("vehicles.command.detail")),
        VerbAction("withdraw", "撤回", verb=terminals.withdraw_command, permission=SEND, when=in_state("waiting"),
                   confirm="撤回尚未下发的指令？"),
    ),
    version=lambda row: row.state,
)  # fmt: skip

SHAPE = Column("shape", "形状", choices=AreaShape.choices)
TERMINAL_AREAS = ListPage(
    code="vehicles.terminalarea", path="vehicles/terminalarea/", title="终端区域", permission=VIEW, rows=fleet.areas,
    columns=(Column("name", "名称", link=True, sortable=True), states(lifecycle.TERMINAL_AREA), SHAPE,
             Column("unit.name", "单位"), Number("max_speed_kmh", "最高速度", unit="公里/小时"), Number("version", "版本"),
             DateTime("updated_at", "更新时间", sortable=True)),
    search=("name",), search_hint="名称",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.TERMINAL_AREA.choices),
             ChoiceFilter("shape", "形状", options=AreaShape.choices), UnitFilter("unit", "单位", options=unit_options(VIEW))),
    default_sort="name", export_name="终端区域", parent="vehicles.terminal",
    page_actions=(PageAction("新建区域", "vehicles.terminalarea.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有终端区域", "区域和路线下发到终端后，由终端自行判断进出和超速。",
                     PageAction("新建区域", "vehicles.terminalarea.create")),
)  # fmt: skip
TERMINAL_AREA = DetailPage(
    code="vehicles.terminalarea", path="vehicles/terminalarea/<int:pk>/", title=lambda area: area.name, permission=VIEW,
    rows=lambda actor: fleet.areas(actor).select_related("unit"), badge=states(lifecycle.TERMINAL_AREA),
    panels=(
        Panel("区域", fields=(Column("name", "名称"), SHAPE, Column("unit.name", "单位"), Number("version", "版本"),
                            Column("points", "范围", value=fleet.shape_text, wide=True),
                            Column("warning", "简化提示", value=terminal_areas.warning_of, wide=True),
                            Number("max_speed_kmh", "最高速度", unit="公里/小时"),
                            Number("night_speed_kmh", "夜间最高速度", unit="公里/小时"), Bool("on_enter", "进入时报告"),
                            Bool("on_leave", "离开时报告"), Bool("tell_driver", "同时提示驾驶员"), DateTime("start_at", "生效时间"),
                            DateTime("end_at", "失效时间"), Column("note", "备注"))),
        RelatedList("已下发的终端", rows=fleet.carriers_of, tab="终端",
                    columns=(Column("terminal.number", "终端手机号",
                                    link=lambda row: _to("vehicles.terminal", row.terminal_id)),
                             Column("terminal.vehicle.plate", "车辆"), *CARRIED)),
    ),
    actions=(
        VerbAction("load", "下发到终端", verb=terminal_areas.load_area, form=forms.AreaTerminalsForm, permission=MANAGE,
                   when=in_state("active"), style="primary", done="已下发，终端确认后显示现载版本"),
        VerbAction("drop", "从终端删除", verb=terminal_areas.drop_area, form=forms.AreaDropForm, permission=MANAGE),
        VerbAction("close", "停用", verb=terminal_areas.close_area, permission=MANAGE, reason=True, when=in_state("active"),
                   style="danger"),
        VerbAction("reopen", "恢复", verb=terminal_areas.reopen_area, permission=MANAGE, when=in_state("closed"),
                   confirm="恢复使用该区域？"),
    ),
    page_actions=(PageAction("变更", "vehicles.terminalarea.edit", icon="edit"),),
    history=queries.history,
)  # fmt: skip
TERMINAL_AREA_NEW = FormPage(
    code="vehicles.terminalarea.create", path="vehicles/terminalarea/new/", title="新建终端区域", permission=MANAGE,
    form=forms.AreaForm, verb=making(terminal_areas.add_area), success=address_of("vehicles.terminalarea.detail"),
)  # fmt: skip
TERMINAL_AREA_EDIT = FormPage(
    code="vehicles.terminalarea.edit", path="vehicles/terminalarea/<int:pk>/edit/", title=lambda area: f"变更 {area.name}",
    permission=MANAGE, form=forms.AreaForm, rows=fleet.areas, verb=changing(terminal_areas.edit_area),
    history=queries.history, success=address_of("vehicles.terminalarea.detail"),
)  # fmt: skip

DRIVER_CARDS = ListPage(
    code="vehicles.driversignin", path="vehicles/driversignin/", title="驾驶员刷卡", permission="vehicles.driver.view",
    rows=fleet.sign_ins,
    columns=(SIGN_INS[0], Column("vehicle.plate", "车辆"), *SIGN_INS[1:], Column("terminal.number", "终端手机号", shown=False),
             Column("unit.name", "单位", shown=False), DateTime("received_at", "接收时间", shown=False)),
    search=("=vehicle.plate", "=holder_name"), search_hint="车牌号、持卡人",
    filters=(DateRangeFilter("at", "时间"), BoolFilter("on", "插卡"),
             UnitFilter("unit", "单位", options=unit_options("vehicles.driver.view")),
             ChoiceFilter("matched_by", "匹配方式", options=[pair for pair in CardMatch.choices if pair[0]])),
    default_sort="-at", export_name="驾驶员刷卡", parent="vehicles.terminal",
    empty=EmptyState("还没有刷卡记录", "驾驶员在终端插入从业资格证 IC 卡后，在此列出。"),
)  # fmt: skip
