"""What a part above declares to this one. Pure data: importable before Django is set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from zhiguan.kit.manifest import Declared


@dataclass(frozen=True)
class Recording(Declared):
    """痕迹记录处: where acts on units and people are noted when they come from this part's own pages.

    The log lies above this part, so it is the log that declares itself: ``function`` is the dotted path of what has
    the signature of :class:`zhiguan.kernel.orgs.domain.Recorder`.
    """

    code: str
    function: str

    @property
    def record(self) -> Callable[..., Any]:
        module, name = self.function.rsplit(".", 1)
        return getattr(import_module(module), name)
