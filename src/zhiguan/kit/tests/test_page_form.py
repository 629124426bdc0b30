"""A refusal of a verb's own check, used in a form, stands at its field."""

from django import forms

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import PageForm


class PlateForm(PageForm):
    plate = forms.CharField(label="车牌号")

    def clean_plate(self):
        raise Invalid("不是有效的车牌号。", code="plate")


def test_a_refusal_in_clean_is_a_field_error():
    form = PlateForm({"plate": "x"}, actor=Actor("测试"))
    assert form.errors == {"plate": ["不是有效的车牌号。"]}
    assert "is-invalid" in form.fields["plate"].widget.attrs["class"]
