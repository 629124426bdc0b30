"""The manifest-reading tags: dependencies first, each once; a missing build says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zhiguan.kit.templatetags import kit_assets, kit_pages

MANIFEST = {
    "src/app.ts": {"file": "assets/app-1.js", "css": ["assets/app-1.css"], "imports": ["_a.js", "_b.js"]},
    "_a.js": {"file": "assets/a-1.js", "imports": ["_b.js"], "css": ["assets/a-1.css"]},
    "_b.js": {"file": "assets/b-1.js"},
    "src/head.ts": {"file": "assets/head-1.js"},
    "src/icons.svg": {"file": "assets/icons-1.svg", "names": ["car", "point"]},
}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    (tmp_path / ".vite").mkdir()
    (tmp_path / ".vite" / "manifest.json").write_text(json.dumps(MANIFEST))
    monkeypatch.setattr(kit_assets, "DIST", tmp_path)
    settings.DEBUG = True
    settings.STATIC_URL = "/static/"


def test_module_entry_brings_styles_and_preloads_once(built: None) -> None:
    html = kit_assets.asset("app.ts")
    assert html.count("b-1.js") == 1
    assert html.index("b-1.js") < html.index("a-1.js") < html.index("app-1.js")
    assert html.index("a-1.css") < html.index("app-1.css")
    assert '<script type="module" src="/static/kit/dist/assets/app-1.js">' in html


def test_head_entry_blocks(built: None) -> None:
    assert kit_assets.asset("head.ts") == '<script src="/static/kit/dist/assets/head-1.js"></script>'


def test_unknown_icon_draws_the_point(built: None) -> None:
    assert "#car" in kit_assets.icon("car")
    assert "#point" in kit_assets.icon("no-such-icon")


def test_unknown_entry_and_missing_build_are_named(built: None, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(kit_assets.AssetsNotBuilt, match=r"nothing\.ts"):
        kit_assets.asset("nothing.ts")
    monkeypatch.setattr(kit_assets, "DIST", tmp_path / "absent")
    with pytest.raises(kit_assets.AssetsNotBuilt, match="npm run build"):
        kit_assets.asset("app.ts")


def test_front_end_lock_names_no_host() -> None:
    lock = json.loads((Path(kit_assets.__file__).parents[1] / "frontend" / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_figures_are_grouped_and_none_is_a_dash() -> None:
    assert [kit_pages.figure(*given) for given in ((57_284,), (1234.5, 2), (0, 1), (None,))] == ["57,284", "1,234.50", "0.0", "—"]
