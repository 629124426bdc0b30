"""车队测算: how many vehicles would do, which could be electric; asked by a form, answered by a job, kept."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import Any

from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from zhiguan.kernel.events import queries as events
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
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
    Money,
    Number,
    PageAction,
    Panel,
    Section,
    UnitFilter,
    ViewPage,
)
from zhiguan.kit.pages.export import XLSX, write_xlsx
from zhiguan.kit.pages.ports import ports

from .. import lifecycle, queries
from ..codes import StudyKind
from ..domain import studies
from ..forms.evaluation import SizeForm, StudyForm
from ..models import FleetStudy
from .parts import address_of, making, states, unit_options

VIEW, MANAGE = "vehicles.plan.view", "vehicles.plan.manage"
STATE = states(lifecycle.STUDY)
SUBJECT = Column("subject", "测算范围", value=lambda row: row.subject, needs=("chosen", "pool.name"), wide=True)


def rows(actor: Actor) -> Any:
    return FleetStudy.objects.visible_to(actor, VIEW)


def waiting(study: FleetStudy, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return how far the study's job is."""
    job = events.jobs(actor).filter(kind=studies.JOB, key=study.code).order_by("-pk").first()
    return {"job": job, "duration": events.duration(job) if job else ""}


def sizes(study: FleetStudy, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return the answer with a chart for every class that was asked for."""
    result = study.result
    classes = [{**each, "chart": _curve(each, result)} for each in result["classes"]]
    total = result["total"]
    return {
        "classes": classes, "total": total, "usual_text": _share(result["usual"]), "high_text": _share(result["high"]),
        "gain": total["apart_high"] - total["high"], "many": any(each["units"] > 1 for each in classes),
    }  # fmt: skip


def _share(value: float) -> str:
    return f"{100 * value:g}%"


def _curve(one: dict[str, Any], result: dict[str, Any]) -> dict[str, Any] | None:
    if len(one["curve"]) < 2:
        return None
    return {
        "type": "line", "title": f"{one['name']}：车辆数与可满足的用车比例", "unit": "%",
        "x": [f"{vehicles} 辆" for vehicles, _ in one["curve"]],
        "series": [{"name": "可满足的用车", "data": [round(100 * share, 2) for _, share in one["curve"]]}],
        "marks": [{"value": round(100 * result["usual"], 1), "title": "常用"},
                  {"value": round(100 * result["high"], 1), "title": "较高"}],
        "height": 240, "table": "folded",
    }  # fmt: skip


def candidates(study: FleetStudy, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return the answer of a study of electric driving, candidates and the others apart."""
    cars = [{**car, "stay_text": f"{car['stay_share']:.0%}"} for car in study.result["cars"]]
    prices = [each for each in study.inputs if ".electric.yuan_" in each["code"]]
    fitting = [car for car in cars if car["fits"]]
    shown = fitting[:15]
    chart = {
        "type": "bar", "title": f"预计每年节约能源费用（前 {len(shown)} 辆）", "unit": "元", "horizontal": True,
        "x": [car["plate"] for car in shown], "height": max(160, 28 * len(shown)), "table": "hidden",
        "series": [{"name": "节约", "data": [car["saving_year"] for car in shown]}],
        "hrefs": [reverse("vehicles.vehicle.detail", args=[car["id"]]) for car in shown],
    }  # fmt: skip
    return {"result": study.result, "fitting": fitting, "prices": prices, "others": [car for car in cars if not car["fits"]],
            "chart": chart if len(shown) > 1 else None}  # fmt: skip


SIZE_COLUMNS = (
    Column("class_name", "车型"),
    Column("plate", "车牌号"),
    Column("unit", "单位"),
    Number("orders", "期间派车", unit="件"),
    Number("km", "期间里程", digits=1, unit="公里"),
    Column("bought_on", "购置日期"),
    Column("verdict", "结论", wide=True),
)
ELECTRIC_COLUMNS = (
    Column("plate", "车牌号"),
    Column("unit", "单位"),
    Column("body", "车型"),
    Column("energy", "能源类型"),
    Column("bought_on", "购置日期"),
    Number("days", "出车日", unit="天"),
    Number("km", "期间里程", digits=1, unit="公里"),
    Number("day_km", "多数日里程", digits=1, unit="公里"),
    Column("stay_share", "够充电的天数", kind="percent"),
    Column("verdict", "结论", wide=True),
    Number("yuan_litre", "所用油价", digits=2, unit="元/升"),
    Column("price_basis", "油价来源"),
    Number("yuan_kwh", "所用电价", digits=2, unit="元/千瓦时"),
    Money("fuel_year", "预计年燃油费（元）"),
    Money("power_year", "预计年电费（元）"),
    Money("saving_year", "预计年省费用（元）"),
    Number("co2_year", "预计年减排", digits=1, unit="千克"),
    Column("basis", "油耗依据"),
)


def _named(name: str, row: dict[str, Any]) -> Any:
    return row.get(name)  # answers of older studies do not have every column


def listed(study: FleetStudy) -> tuple[list[dict[str, Any]], tuple[Column, ...]]:
    """Return the vehicles a study names, with the columns they are listed in."""
    if study.kind == StudyKind.ELECTRIC:
        cars = [
            {**car, "verdict": "适合电动化" if car["fits"] else "；".join(car["reasons"])}
            for car in study.result["cars"]
        ]
        return cars, ELECTRIC_COLUMNS
    level = {"high": _share(study.result["high"]), "usual": _share(study.result["usual"])}
    return [
        {**car, "class_name": each["name"], "verdict": f"按 {level[car['spare']]} 富余"}
        for each in study.result["classes"] for car in each["cars"]
    ], SIZE_COLUMNS  # fmt: skip


def export(request: HttpRequest, pk: int) -> FileResponse:
    """The vehicles a study names, as a workbook."""
    actor = request.actor  # type: ignore[attr-defined]
    study = get_object_or_404(rows(actor), pk=pk, state="done")
    cars, columns = listed(study)
    target = io.BytesIO()
    write_xlsx(
        target, iter(cars), [replace(each, value=partial(_named, each.name)) for each in columns], study.get_kind_display()
    )
    target.seek(0)
    ports().on_export(actor, STUDY_EXPORT, len(cars), "xlsx")
    name = f"{study.get_kind_display()}{study.code}.xlsx"
    return FileResponse(target, as_attachment=True, filename=name, content_type=XLSX)


STUDIES = ListPage(
    code="vehicles.study", path="vehicles/study/", title="车队测算", permission=VIEW, rows=rows,
    menu=MenuItem("vehicles", order=81, icon="chart-bar"),
    columns=(Column("code", "编号", link=True, sortable=True), STATE, Column("kind", "测算类型"), SUBJECT,
             Date("period_from", "起始日期"), Date("period_to", "截止日期"), Column("summary", "结论", wide=True),
             Column("asked_by", "测算人", shown=False), DateTime("created_at", "提交时间", sortable=True)),
    search=("^code", "asked_by"), search_hint="编号、测算人",
    filters=(ChoiceFilter("kind", "测算类型"), ChoiceFilter("state", "状态", options=lifecycle.STUDY.choices),
             UnitFilter("unit", "单位", options=unit_options(VIEW)), DateRangeFilter("created_at", "提交时间")),
    views=(("全部", ""), ("规模测算", f"kind={StudyKind.SIZE}"), ("电动化测算", f"kind={StudyKind.ELECTRIC}")),
    default_sort="-created_at", export_name="车队测算",
    page_actions=(PageAction("规模测算", "vehicles.study.size", icon="plus", style="primary"),
                  PageAction("电动化测算", "vehicles.study.electric", icon="plus", style="primary")),
    empty=EmptyState("还没有测算", "选择单位或用车平台和期间，按真实派车单模拟需要多少辆车、哪些燃油车可以换成纯电动。",
                     PageAction("规模测算", "vehicles.study.size")),
)  # fmt: skip
STUDY = DetailPage(
    code="vehicles.study", path="vehicles/study/<int:pk>/", permission=VIEW, badge=STATE,
    title=lambda row: f"{row.get_kind_display()} {row.code}", subtitle=lambda row: row.subject,
    rows=lambda actor: rows(actor).select_related("unit", "pool"),
    panels=(
        Custom("vehicles/study_waiting.html", context=waiting, title="进度", when=lambda row: row.state == "waiting"),
        Custom("vehicles/study_size.html", context=sizes, title="测算结果",
               when=lambda row: row.state == "done" and row.kind == StudyKind.SIZE),
        Custom("vehicles/study_electric.html", context=candidates, title="测算结果",
               when=lambda row: row.state == "done" and row.kind == StudyKind.ELECTRIC),
        Panel("测算条件", fields=(
            Column("summary", "结论", wide=True), SUBJECT,
            Date("period_from", "起始日期"), Date("period_to", "截止日期"), Column("asked_by", "测算人"),
            DateTime("created_at", "提交时间"), DateTime("finished_at", "完成时间"),
        )),
        Custom("vehicles/study_inputs.html", title="测算参数与依据"),
    ),
    page_actions=(PageAction("导出车辆清单", "vehicles.study.export", icon="download", when=lambda row: row.state == "done"),),
    history=queries.history,
)  # fmt: skip
STUDY_EXPORT = ViewPage(
    code="vehicles.study.export", path="vehicles/study/<int:pk>/export/", title="导出测算车辆清单", permission=VIEW, view=export,
    parent="vehicles.study",
)  # fmt: skip
_PERIOD = Section("期间", ("period_from", "period_to"))
STUDY_SIZE = FormPage(
    code="vehicles.study.size", path="vehicles/study/size/", title="规模测算", permission=MANAGE, form=SizeForm,
    verb=making(studies.study_size), success=address_of("vehicles.study.detail"), submit="开始测算",
    done="已提交，结果完成后在此显示",
    sections=(Section("范围", ("units", "pool")), _PERIOD, Section("服务水平", ("usual", "high", "turnaround"))),
    help="按期间内真实的派车单逐件模拟：到用车时间有空闲、整备好的同类车即可满足。结果是满足给定比例用车的最少车辆数，供编制和调配参考。",
)  # fmt: skip
STUDY_ELECTRIC = FormPage(
    code="vehicles.study.electric", path="vehicles/study/electric/", title="电动化测算", permission=MANAGE, form=StudyForm,
    verb=making(studies.study_electric), success=address_of("vehicles.study.detail"), submit="开始测算",
    done="已提交，结果完成后在此显示", sections=(Section("范围", ("units", "pool")), _PERIOD),
    help="按期间内每辆燃油车的日里程和在停放地点的停车时间，判断同车型纯电动车能否替代，并估算能源费用和排放的变化。参数见“标准依据”中的“车队评价”。",
)  # fmt: skip
