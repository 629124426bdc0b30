"""Forms for terminals: commands to one or many, areas they carry."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.pages import PageForm

from ..models import Terminal, Vehicle
from ..queries import devices as fleet
from .fields import UnitField, UnitsField, VehicleField, organ_choices

COMMON_PARAMETERS = (
    0x0029,
    0x0001,
    0x0027,
    0x0028,
    0x0022,
    0x002C,
    0x0055,
    0x0056,
    0x0057,
    0x0058,
    0x0059,
    0x005A,
    0x0030,
)
"""Offered by name; any other is set by its number."""
CONTROLS = [(4, "终端复位（重启）"), (5, "恢复出厂设置"), (1, "无线升级"), (2, "连接指定服务器"), (3, "终端关机"),
            (6, "关闭数据通信"), (7, "关闭所有无线通信")]  # fmt: skip


class TextForm(PageForm):
    text = forms.CharField(label="文本内容", max_length=500, widget=forms.Textarea(attrs={"rows": "3"}),
                           help_text="在车载终端上显示；最多约 500 个汉字。")  # fmt: skip
    read_aloud = forms.BooleanField(label="语音播报", required=False, initial=True)
    urgent = forms.BooleanField(label="紧急", required=False)


class TrackForm(PageForm):
    interval_s = forms.IntegerField(label="汇报间隔（秒）", min_value=1, max_value=3600, initial=5)
    validity_s = forms.IntegerField(label="跟踪时长（秒）", min_value=1, max_value=86_400, initial=600)


class ParametersForm(PageForm):
    """Only what is filled in is set."""

    other = forms.CharField(
        label="其他参数", required=False, widget=forms.Textarea(attrs={"rows": "3"}),
        help_text="每行一项：十六进制编号=数值，例如 0083=沪A12345。",
    )  # fmt: skip

    def setup(self) -> None:
        fields = {}
        for number in COMMON_PARAMETERS:
            known = telemetry.PARAMETERS[number]
            unit = f"（{known.unit_label}）" if known.unit_label else ""
            fields[f"p{number:04x}"] = forms.IntegerField(
                label=f"{known.label}{unit}", required=False, min_value=known.low, max_value=known.most
            )
        self.fields = {**fields, **self.fields}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = {number: cleaned.pop(f"p{number:04x}", None) for number in COMMON_PARAMETERS}
        values: dict[str, Any] = {f"{number:04x}": value for number, value in given.items() if value is not None}
        for line in (cleaned.pop("other", "") or "").splitlines():
            if line.strip():
                key, equals, value = line.partition("=")
                if not equals:
                    self.add_error("other", f"“{line.strip()}”缺少等号，应为 编号=数值。")
                values[key.strip()] = value.strip()
        if not values and not self.errors:
            raise forms.ValidationError("请至少填写一项参数。")
        cleaned["values"] = values
        return cleaned


class ControlForm(PageForm):
    command = forms.TypedChoiceField(label="控制命令", choices=CONTROLS, coerce=int)
    arguments = forms.CharField(label="命令参数", required=False, max_length=400,
                                help_text="无线升级和连接服务器须填写，按协议以分号分隔各项。")  # fmt: skip


class PhotoForm(PageForm):
    channel = forms.IntegerField(label="通道", min_value=1, max_value=37, initial=1)
    shots = forms.IntegerField(label="张数", min_value=1, max_value=10, initial=1)
    interval_s = forms.IntegerField(label="间隔（秒）", min_value=0, max_value=3600, initial=0)
    resolution = forms.TypedChoiceField(
        label="分辨率", choices=list(telemetry.RESOLUTIONS.items()), coerce=int, initial=2
    )


class FetchForm(PageForm):
    type = forms.TypedChoiceField(label="类型", choices=[(0, "图像"), (1, "音频"), (2, "视频")], coerce=int, initial=0)
    channel = forms.IntegerField(label="通道", min_value=0, max_value=255, initial=0, help_text="0 表示全部通道。")
    start = forms.DateTimeField(label="起始时间", required=False)
    end = forms.DateTimeField(label="结束时间", required=False)


class PassThroughForm(PageForm):
    type = forms.TypedChoiceField(
        label="透传类型",
        coerce=int,
        choices=[(0x41, "串口 1"), (0x42, "串口 2"), (0x0B, "IC 卡"), (0xF0, "用户自定义")],
    )
    data = forms.CharField(label="内容（十六进制）", max_length=2000, widget=forms.Textarea(attrs={"rows": "3"}))

    def clean_data(self) -> str:
        text = "".join(self.cleaned_data["data"].split())
        telemetry.checked_payload("passthrough", {"type": 0, "data": text})
        return text


class MoveForm(PageForm):
    vehicle = VehicleField(label="换到车辆", queryset=Vehicle.objects.none())

    def setup(self) -> None:
        scope = self.actor.scope("vehicles.terminal.manage")
        free = Vehicle.objects.filter(scope.q()).exclude(state="disposed").exclude(terminals__state="active")
        self.fields["vehicle"].queryset = free


class TerminalsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Terminal) -> str:
        return f"{obj.vehicle.plate if obj.vehicle else '未装车'} · {obj.number}"


class AreaTerminalsForm(PageForm):
    """Which terminals to send an area to."""

    terminals = TerminalsField(label="终端", queryset=Terminal.objects.none(),
                               widget=forms.SelectMultiple(attrs={"size": "12"}), help_text="可按住 Ctrl 多选。")  # fmt: skip

    def setup(self) -> None:
        found = fleet.terminals(self.actor).filter(state="active").select_related("vehicle").order_by("vehicle__plate")
        self.fields["terminals"].queryset = found


class AreaDropForm(AreaTerminalsForm):
    def setup(self) -> None:
        super().setup()
        known = self.obj.carried.values("terminal") if self.obj is not None else []
        self.fields["terminals"].queryset = self.fields["terminals"].queryset.filter(pk__in=known)


class AreaForm(PageForm):
    name = forms.CharField(label="名称", max_length=20)
    unit = UnitField(label="所属单位", queryset=None)
    geometry = forms.CharField(
        label="范围（GeoJSON）", widget=forms.Textarea(attrs={"rows": "6"}),
        help_text='多边形 {"type":"Polygon","coordinates":[[[经度,纬度],…]]}，圆 {"type":"Circle","center":[经度,纬度],'
        '"radius_m":500}，路线 {"type":"LineString","coordinates":[…]}。',
    )  # fmt: skip
    datum = forms.ChoiceField(label="坐标系", choices=[("wgs84", "WGS84"), ("gcj02", "GCJ-02（国内底图）")])
    width_m = forms.IntegerField(
        label="路线宽度（米）", min_value=1, max_value=255, initial=50, help_text="仅路线使用。"
    )
    max_speed_kmh = forms.IntegerField(label="最高速度（公里/小时）", required=False, min_value=1, max_value=300)
    night_speed_kmh = forms.IntegerField(
        label="夜间最高速度（公里/小时）", required=False, min_value=1, max_value=300, help_text="2019 版终端支持。"
    )
    over_s = forms.IntegerField(label="超速持续时间（秒）", min_value=0, max_value=255, initial=10)
    on_enter = forms.BooleanField(label="进入时报告", required=False, initial=True)
    on_leave = forms.BooleanField(label="离开时报告", required=False, initial=True)
    tell_driver = forms.BooleanField(label="同时提示驾驶员", required=False)
    start_at = forms.DateTimeField(label="生效时间", required=False)
    end_at = forms.DateTimeField(label="失效时间", required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.terminal.manage")
        geometry = self.initial.get("geometry")
        if isinstance(geometry, dict):
            self.initial["geometry"] = json.dumps(geometry, ensure_ascii=False)

    def clean_geometry(self) -> Any:
        try:
            return json.loads(self.cleaned_data["geometry"])
        except ValueError as error:
            raise forms.ValidationError("不是有效的 GeoJSON，请检查括号和逗号。") from error


BATCH_KINDS = [("set_parameters", "设置参数"), ("query_parameters", "读取参数"), ("query_attributes", "读取属性（固件版本）"),
               ("query_location", "查询位置"), ("text", "下发文本")]  # fmt: skip


class BatchForm(ParametersForm):
    """One command for many terminals, chosen by what they are."""

    kind = forms.ChoiceField(label="指令", choices=BATCH_KINDS)
    unit = UnitsField(label="单位", queryset=None, required=False, help_text="不选表示您权限内的全部单位，含下级。")
    firmware = forms.CharField(label="固件版本", max_length=64, required=False, help_text="仅限该固件版本的终端。")
    online_only = forms.BooleanField(label="仅在线终端", required=False)
    text = forms.CharField(label="文本内容", max_length=500, required=False, help_text="下发文本时填写。")
    field_order = ("kind", "unit", "firmware", "online_only", "text")

    def setup(self) -> None:
        super().setup()
        self.fields["unit"].queryset = organ_choices(self, "telemetry.command.send")
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        kind = self.cleaned_data.get("kind")
        if kind == "set_parameters":
            return super().clean()
        cleaned = {name: value for name, value in self.cleaned_data.items() if not name.startswith("p0")}
        cleaned.pop("other", None)
        if kind == "text" and not cleaned.get("text"):
            self.add_error("text", "请填写文本内容。")
        return cleaned
