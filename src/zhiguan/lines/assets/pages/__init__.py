"""Declared pages of state-owned assets."""

from .cards import ASSET, ASSET_EDIT, ASSET_IMPORTING, ASSET_NEW, ASSETS, HOLDER, HOLDERS
from .decisions import DISPOSAL, DISPOSAL_NEW, DISPOSALS, TITLE, TITLE_NEW, TITLES
from .desk import DESK
from .labels import LABEL, LABEL_LIST, LABELS, SCAN

__all__ = [
    "ASSET",
    "ASSETS",
    "ASSET_EDIT",
    "ASSET_IMPORTING",
    "ASSET_NEW",
    "DESK",
    "DISPOSAL",
    "DISPOSALS",
    "DISPOSAL_NEW",
    "HOLDER",
    "HOLDERS",
    "LABEL",
    "LABELS",
    "LABEL_LIST",
    "SCAN",
    "TITLE",
    "TITLES",
    "TITLE_NEW",
]
