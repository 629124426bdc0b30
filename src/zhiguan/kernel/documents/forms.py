"""Forms of documents and seals."""

from __future__ import annotations

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from . import queries
from .codes import SEAL_UPLOAD
from .declare import SEAL_PURPOSES
from .seals import DIAMETERS_MM


class SealForm(PageForm):
    """登记电子印章."""

    unit = forms.TypedChoiceField(label="用印机关", coerce=int)
    purpose = forms.ChoiceField(label="印章种类", choices=list(SEAL_PURPOSES.items()))
    legend = forms.CharField(label="印文", max_length=60, help_text="印章上的文字，例如：上海市机关事务管理局。")
    image = forms.FileField(
        label="印模图片", help_text="正方形、背景透明的 PNG 图片，边长不少于 600 像素，印章占满画面。",
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg"}),
    )  # fmt: skip
    diameter_mm = forms.IntegerField(
        label="直径（毫米）", min_value=DIAMETERS_MM[0], max_value=DIAMETERS_MM[1], initial=42,
        help_text="按印章管理规定，市级机关一般为 42 毫米。",
    )  # fmt: skip
    valid_from = forms.DateField(label="启用日期", initial=timezone.localdate, help_text="最早自审核启用之日起用印。")

    def setup(self) -> None:
        self.fields["unit"].choices = queries.organ_options(self.actor, SEAL_UPLOAD)  # type: ignore[attr-defined]

    def clean_unit(self) -> Unit:
        return Unit.objects.get(pk=self.cleaned_data["unit"])


class SupersedeForm(PageForm):
    """更正: what the new document says instead. Everything else is taken over."""

    title = forms.CharField(label="标题", max_length=120)
    to = forms.CharField(label="主送", max_length=120, required=False)
    paragraphs = forms.CharField(label="正文", widget=forms.Textarea(attrs={"rows": "8"}), help_text="每段一行。")
    conditions = forms.CharField(
        label="办理要求",
        required=False,
        widget=forms.Textarea(attrs={"rows": "4"}),
        help_text="每条一行，序号自动编排。",
    )

    def setup(self) -> None:
        if self.obj is None:
            return
        values = self.obj.values
        for name in ("title", "to"):
            self.fields[name].initial = values.get(name, "")
        for name in ("paragraphs", "conditions"):
            self.fields[name].initial = "\n".join(values.get(name, ()))
        if not values.get("paragraphs"):
            self.fields["paragraphs"].required = False

    def clean_paragraphs(self) -> list[str]:
        return _lines(self.cleaned_data["paragraphs"])

    def clean_conditions(self) -> list[str]:
        return _lines(self.cleaned_data["conditions"])


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
