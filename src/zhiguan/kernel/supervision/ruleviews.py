"""The page of all rules: what each says, what it found, how often people agreed, whether it runs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kit import actor as actors
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.manifest import Line

from . import queries
from .declare import ON_DIRTY_DAYS, Rule
from .lifecycle import OPEN
from .models import RuleRun

TONES = {"minor": "", "major": "warning", "serious": "danger"}


WEEKDAYS = "日一二三四五六日"


def in_words(cadence: str) -> str:
    """Return cron text of five fields as people say it: 每日 06:20, 每周一 06:20, 每月 1 日 06:20."""
    minute, hour, day, month, weekday = cadence.split()
    if not (minute.isdigit() and hour.isdigit() and month == "*"):
        return "定时运行"
    at = f"{int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return f"每日 {at}"
    if weekday.isdigit() and day == "*":
        return f"每周{WEEKDAYS[int(weekday)]} {at}"
    return f"每月 {day} 日 {at}" if day.isdigit() and weekday == "*" else "定时运行"


@dataclass(frozen=True)
class Row:
    """One rule with its figures within the reader's scope."""

    rule: Rule
    area_name: str
    counts: queries.Precision
    run: RuleRun | None

    @property
    def tone(self) -> str:
        return TONES[self.rule.severity]

    @property
    def cadence(self) -> str:
        return "数据更新即运行" if self.rule.cadence == ON_DIRTY_DAYS else in_words(self.rule.cadence)

    @property
    def share(self) -> str:
        return "—" if self.counts.share is None else f"{self.counts.share * 100:.1f}%"

    @property
    def url(self) -> str:
        return f"{reverse('supervision.finding')}?{urlencode({'rule': self.rule.code})}"

    @property
    def open_url(self) -> str:
        return f"{self.url}&{urlencode([('state', state) for state in OPEN])}"


def area_names() -> dict[str, str]:
    """Return the names by area code: of lines, and of the parts of the kernel and functions that declare rules."""
    parts = {part.label: str(part.verbose_name) for part in apps.get_app_configs()}
    return parts | {line.code: line.name for line in registry.current().all(Line)}


def rows(actor: Actor) -> list[Row]:
    """Return every declared rule in the order of its line."""
    counts, runs, names = queries.precision(actor), queries.last_runs(), area_names()
    return [
        Row(rule, names.get(rule.area, rule.area), counts.get(rule.code, queries.Precision()), runs.get(rule.code))
        for rule in queries.rules()
    ]


def view(request: HttpRequest) -> HttpResponse:
    """Answer the page of all rules."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    return render(request, "supervision/rules.html", {"rows": rows(actor)})
