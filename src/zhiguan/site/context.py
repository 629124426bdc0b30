"""What every page knows: the actor, the menu, the place."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from zhiguan import __version__
from zhiguan.kernel.notices.service import unread_count
from zhiguan.kernel.orgs.service import is_demo
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages.menu import menu

RIDES = (
    ("vehicles.order.request", "vehicles.order.create"),
    ("vehicles.order.drive", "vehicles.order.driving"),
    ("telemetry.position.view", "vehicles.live"),
    ("vehicles.order.view", "vehicles.order"),
)
"""What 用车 on the phone's bottom bar opens: the first page whose permission the actor holds."""


def _ride(actor: Actor | None) -> str:
    """Where one asks for a car or drives one; empty for whoever does neither."""
    return next((reverse(page) for permission, page in RIDES if actor is not None and actor.can(permission)), "")


def _brand() -> dict[str, str]:
    """The site's name in the menu's two lines: "智管 · 机关事务数字化平台" is the system, and what it is to the city."""
    name, _, what = settings.ZHIGUAN_SITE_NAME.partition(" · ")
    return {"name": name, "what": f"{settings.ZHIGUAN_CITY}{what}"}


def zg(request: HttpRequest) -> dict[str, Any]:
    """Return ``zg`` for templates; its keys are listed at the top of ``kit/base.html``."""
    from .desk import todo_count

    actor = getattr(request, "actor", None)
    links = {
        "home": "/",
        "search": reverse("search"),
        "todo": reverse("todo"),
        "notices": reverse("notices.notice") + "?unread=1",
        "bell": reverse("notices.bell"),
        "me": reverse("me"),
        "password": reverse("account_change_password"),
        "sessions": reverse("usersessions_list"),
        "sign_out": reverse("account_logout"),
        "ride": _ride(actor),
    }
    return {
        "zg": {
            "site_name": settings.ZHIGUAN_SITE_NAME,
            "brand": _brand(),
            "city_name": settings.ZHIGUAN_CITY,
            "demo": SimpleLazyObject(is_demo),
            "actor": None
            if actor is None
            else {"name": actor.name, "unit_name": actor.unit_name, "roles": [name for _, name in actor.roles]},
            # Made when they are drawn: parts of a page have neither.
            "menu": SimpleLazyObject(lambda: menu(actor, request.path, getattr(request, "zg_way", ()))),
            "todo_count": SimpleLazyObject(lambda: todo_count(actor)) if actor is not None else 0,
            "notice_count": SimpleLazyObject(lambda: unread_count(actor)) if actor is not None else 0,
            "crumbs": getattr(request, "zg_crumbs", []),
            "query": request.GET.get("q", ""),
            "links": links,
            "version": __version__,
            "map": {
                "style_url": settings.ZHIGUAN_MAP_STYLE_URL,
                "tiles_url": settings.ZHIGUAN_MAP_TILES_URL,
                "approval_number": settings.ZHIGUAN_MAP_APPROVAL_NUMBER,
            },
        }
    }
