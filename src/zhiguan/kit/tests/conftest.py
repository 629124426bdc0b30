"""The sample pages in force, over a city with two organs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import clear_url_caches, set_urlconf

from zhiguan.kit import registry
from zhiguan.kit.importing.uploads import DiskUploads
from zhiguan.kit.pages import ports
from zhiguan.kit.pages.conformance import Case

from . import sample_pages


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    """The registry holds the sample pages beside the real ones, and the site answers for them."""
    known, real = registry.Registry(), registry.current()
    known._by_type = {kind: dict(items) for kind, items in real._by_type.items()}
    known._owner = dict(real._owner)
    for declaration in sample_pages.PAGES:
        known._add(declaration, "zhiguan.kit.tests")
    monkeypatch.setattr(registry, "_current", known)
    monkeypatch.setattr(ports, "_installed", ports.Ports(uploads=DiskUploads(tmp_path)))
    sample_urls = importlib.reload(importlib.import_module("zhiguan.kit.tests.sample_urls"))
    settings.ROOT_URLCONF = sample_urls.__name__
    clear_url_caches()
    set_urlconf(None)
    yield
    clear_url_caches()


@pytest.fixture
def world(as_system: Any, make_actor: Any, sample: None) -> SimpleNamespace:
    """Two organs, an actor of the first with every sample permission, and a way to make people."""
    from zhiguan.kernel.orgs import service
    from zhiguan.kernel.orgs.models import Person

    def silent(*args: Any, **kwargs: Any) -> None:
        return None

    def unit(parent: Any, code: str, name: str, kind: str) -> Any:
        return service.create_unit(as_system, parent=parent, code=code, name=name, kind=kind, record=silent)

    city = unit(None, "310000", "上海市", "city")
    home, away = unit(city, "A01", "上海市财政局", "organ"), unit(city, "A02", "上海市教育委员会", "organ")
    numbers = count(1)

    def person(where: Any, **values: Any) -> Any:
        number = next(numbers)
        given = {"code": f"P{number:04}", "name": f"张小{number}", "initials": f"zx{number}", "duty": "科员", **values}
        return Person.objects.create(unit=where, sort=number, **given)

    permissions = (sample_pages.VIEW, sample_pages.MANAGE, sample_pages.RETIRE)
    actor = make_actor(dict.fromkeys(permissions, "below"), unit=home)
    sample_pages.RETIRED.clear()
    return SimpleNamespace(city=city, home=home, away=away, person=person, actor=actor, Person=Person)


@pytest.fixture
def case(world: SimpleNamespace) -> Case:
    def values(person: Any) -> dict[str, Any]:
        return {"name": "李四", "duty": "科员", "sort": "3", "unit": world.home.pk, "active": "on"}

    return Case(
        actor=world.actor,
        make=lambda: world.person(world.home),
        make_elsewhere=lambda: world.person(world.away),
        text=lambda person: person.code,
        values=values,
        import_rows=[
            {"人员编号": "X1", "姓名": "赵一", "职务": "处长", "排序": 3, "入职日期": "2024-07-01", "是否在职": "是"},
            {"人员编号": "X2", "姓名": "钱二", "排序": "4"},
        ],
        bad_row={"人员编号": "X1", "姓名": "", "职务": "大侠", "排序": "多", "入职日期": "2024-02-30"},
        count=world.Person.objects.count,
        english=("P0", "X1", "X2"),
    )
