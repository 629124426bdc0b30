"""Forms of the register: vehicles, places, terminals, drivers, quotas."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import Body, Energy, LicenceClass, VehicleKind
from ..domain.register import clean_plate
from ..models import ParkingPlace, Vehicle
from .fields import PersonField, UnitField, VehicleField, organ_choices


class VehicleForm(PageForm):
    plate = forms.CharField(label="车牌号", max_length=12, help_text="例如 沪A12345，新能源车 8 位。")
    unit = UnitField(label="所属单位", queryset=Unit.objects.none())
    kind = forms.ChoiceField(label="车辆种类", choices=VehicleKind.choices, initial=VehicleKind.EMERGENCY)
    body = forms.ChoiceField(label="车型", choices=Body.choices)
    brand_model = forms.CharField(label="品牌型号", max_length=80)
    vin = forms.CharField(label="车辆识别代号", max_length=17, required=False, help_text="17 位，见行驶证。")
    energy = forms.ChoiceField(label="能源类型", choices=Energy.choices)
    displacement_l = forms.DecimalField(
        label="排气量（升）", max_digits=3, decimal_places=1, min_value=0, required=False, help_text="纯电动车留空。"
    )
    price_yuan = forms.DecimalField(
        label="购置价格（元）", max_digits=12, decimal_places=2, min_value=0, help_text="不含车辆购置税。"
    )
    seats = forms.IntegerField(label="核定载客", min_value=1, max_value=60, initial=5, help_text="含驾驶员。")
    bought_on = forms.DateField(label="购置日期")
    registered_on = forms.DateField(label="注册登记日期", required=False)
    place = forms.ModelChoiceField(label="停放地点", queryset=ParkingPlace.objects.none(), required=False)
    engine_no = forms.CharField(label="发动机号", max_length=30, required=False, help_text="见行驶证。")
    certificate_no = forms.CharField(label="登记证书编号", max_length=30, required=False)
    special_need = forms.BooleanField(
        label="确因工作需要", required=False, help_text="经批准配备其他小型、中型客车，或执法执勤所需车辆的，勾选此项。"
    )
    over_standard_note = forms.CharField(
        label="超标准情况说明", max_length=200, required=False, help_text="超出配备标准但确已配备的车辆，说明由来。"
    )
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.vehicle.manage")
        self.fields["place"].queryset = queries.places(self.actor).filter(state="active")

    def clean_plate(self) -> str:
        return clean_plate(self.cleaned_data["plate"]) if self.cleaned_data.get("plate") else ""

    def clean_bought_on(self) -> Any:
        day = self.cleaned_data["bought_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("购置日期不能晚于今天。")
        return day


class PlaceForm(PageForm):
    name = forms.CharField(label="名称", max_length=80, help_text="例如 市甲局机关大院地下车库。")
    unit = UnitField(label="所属单位", queryset=Unit.objects.none())
    address = forms.CharField(label="地址", max_length=200, required=False)
    lat = forms.FloatField(label="纬度", min_value=-90, max_value=90, help_text="WGS84 坐标，度。")
    lon = forms.FloatField(label="经度", min_value=-180, max_value=180, help_text="WGS84 坐标，度。")
    radius_m = forms.IntegerField(label="场地半径（米）", min_value=5, max_value=5000, initial=50)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.place.manage")


class TerminalForm(PageForm):
    vehicle = VehicleField(label="安装车辆", queryset=Vehicle.objects.none())
    number = forms.CharField(label="终端手机号", max_length=20, help_text="终端协议中的号码，6 至 20 位数字。")
    maker = forms.CharField(label="制造商", max_length=40, required=False)
    model = forms.CharField(label="型号", max_length=40, required=False)
    installed_on = forms.DateField(label="安装日期", required=False)

    def setup(self) -> None:
        scope = self.actor.scope("vehicles.terminal.manage")
        self.fields["vehicle"].queryset = Vehicle.objects.filter(scope.q()).exclude(state="disposed")


def person_named(form: PageForm, permission: str) -> Person:
    """Return the active person in the permission's scope whom the field ``person`` names by number or full name."""
    text = form.cleaned_data["person"].strip()
    people = Person.objects.filter(form.actor.scope(permission).q(), active=True).select_related("unit")
    found = list(people.filter(code=text)[:1]) or list(people.filter(name=text)[:6])
    if not found:
        raise forms.ValidationError(f"在您管理的单位中没有找到“{text}”。")
    if len(found) > 1:
        listed = "；".join(f"{person.code}（{person.unit.name}）" for person in found)
        raise forms.ValidationError(f"有多人名为“{text}”，请填写人员编号：{listed}。")
    return found[0]


class DriverForm(PageForm):
    licence_no = forms.CharField(label="驾驶证号", max_length=20, required=False)
    licence_class = forms.ChoiceField(label="准驾车型", choices=LicenceClass.choices, initial=LicenceClass.C1)
    licence_expires_on = forms.DateField(label="驾驶证有效期至")
    licence_issued_on = forms.DateField(label="初次领证日期", required=False)
    medical_due_on = forms.DateField(label="身体条件证明到期", required=False)
    review_due_on = forms.DateField(label="年度审验到期", required=False)
    phone = forms.CharField(label="联系电话", max_length=20, required=False)


class NewDriverForm(DriverForm):
    person = PersonField(
        label="人员", permission="vehicles.driver.manage", help_text="填写姓名或人员编号；重名时请填写人员编号。"
    )
    field_order = ("person",)

    def clean_person(self) -> Person:
        return person_named(self, "vehicles.driver.manage")


class QuotaForm(PageForm):
    unit = UnitField(label="单位", queryset=Unit.objects.none())
    kind = forms.ChoiceField(label="车辆种类", choices=VehicleKind.choices)
    quota = forms.IntegerField(label="编制数", min_value=0, max_value=9999)
    valid_from = forms.DateField(label="起始日期")
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.quota.manage")
        self.fields["valid_from"].initial = timezone.localdate()


class MarkForm(PageForm):
    marked_on = forms.DateField(label="喷涂日期")

    def setup(self) -> None:
        self.fields["marked_on"].initial = timezone.localdate()
