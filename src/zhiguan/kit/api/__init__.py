"""API factory: one :class:`Resource` per subject, derived from its declared pages. Lines import from here in ``api.py``."""

from .declare import Making, Resource
from .fields import NamesField, ObjectField, RowsField

__all__ = ["Making", "NamesField", "ObjectField", "Resource", "RowsField"]
