"""Template tags for built front-end files: ``{% asset %}``, ``{% asset_url %}`` and ``{% icon %}``.

The build writes ``static/kit/dist/.vite/manifest.json``. File names in it already carry a content hash, so URLs are
made from ``STATIC_URL`` directly: passing them through a hashing static storage would give one module two addresses,
and a browser that meets both runs it twice.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import PrefixNode
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

DIST = Path(__file__).resolve().parent.parent / "static" / "kit" / "dist"
DIST_URL = "kit/dist/"

class AssetsNotBuilt(RuntimeError):
    """The front end was not built, or a page asks for an entry that the build does not make."""


def _read_manifest() -> dict[str, dict[str, Any]]:
    try:
        return json.loads((DIST / ".vite" / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AssetsNotBuilt("前端资源尚未构建：请在 kit/frontend 执行 npm ci 与 npm run build。") from error


_kept_manifest = cache(_read_manifest)


def load_manifest() -> dict[str, dict[str, Any]]:
    """The build manifest: source name -> {file, css, imports}. Kept in memory unless ``DEBUG``.

    Raises:
        AssetsNotBuilt: the manifest file does not exist.
    """
    return _read_manifest() if settings.DEBUG else _kept_manifest()


def _entry(name: str) -> dict[str, Any]:
    chunk = load_manifest().get(f"src/{name}")
    if chunk is None:
        raise AssetsNotBuilt(f"前端资源中没有“{name}”，请重新构建。")
    return chunk


def _url(file: str) -> str:
    return f"{PrefixNode.handle_simple('STATIC_URL')}{DIST_URL}{file}"


def _html(template_text: str, *values: object) -> SafeString:
    return SafeString(format_html(template_text, *values))


def _closure(name: str) -> tuple[list[str], list[str]]:
    """Files an entry needs before it runs: (style sheets, imported modules), each once, dependencies first."""
    manifest = load_manifest()
    styles: dict[str, None] = {}
    modules: dict[str, None] = {}

    def walk(chunk: dict[str, Any]) -> None:
        for imported in chunk.get("imports", []):
            dependency = manifest[imported]
            if dependency["file"] not in modules:
                walk(dependency)
                modules[dependency["file"]] = None
        for style in chunk.get("css", []):
            styles[style] = None

    walk(_entry(name))
    return list(styles), list(modules)


@register.simple_tag
def asset(name: str) -> SafeString:
    """Tags that load one entry of the front end, e.g. ``{% asset "app.ts" %}``.

    A ``.ts`` entry gives its style sheets, module preloads and a module script; a style entry gives a style sheet link;
    ``head.ts`` gives a plain blocking script, because it must run before the first paint.
    """
    chunk = _entry(name)
    if name.endswith((".css", ".scss")):
        return _html('<link rel="stylesheet" href="{}">', _url(chunk["file"]))
    if name == "head.ts":
        return _html('<script src="{}"></script>', _url(chunk["file"]))
    styles, modules = _closure(name)
    return _html(
        '{}{}<script type="module" src="{}"></script>',
        format_html_join("", '<link rel="stylesheet" href="{}">', ((_url(file),) for file in styles)),
        format_html_join("", '<link rel="modulepreload" href="{}">', ((_url(file),) for file in modules)),
        _url(chunk["file"]),
    )


@register.simple_tag
def asset_url(name: str) -> str:
    """The address of one built file, by its source name under ``src/``, e.g. ``{% asset_url "icons.svg" %}``."""
    return _url(_entry(name)["file"])


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One decorative icon from the sprite: ``{% icon "car" %}``, ``{% icon "car" "icon-lg" %}``.

    Names are listed in ``frontend/icons.json``; an unknown name draws the neutral ``point``, so that no menu breaks.
    """
    sprite = _entry("icons.svg")
    return _html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        _url(sprite["file"]),
        name if name in sprite["names"] else "point",
    )
