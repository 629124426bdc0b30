"""The case kernel's small world, seen through the pages."""

from zhiguan.kernel.flow.tests.conftest import case_at, draft, items, office

__all__ = ["case_at", "draft", "items", "office"]
