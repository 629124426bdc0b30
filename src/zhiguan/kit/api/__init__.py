"""API factory: one :class:`Resource` per subject, derived from its declared pages. Lines import from here in ``api.py``."""

from .declare import Resource

__all__ = ["Resource"]
