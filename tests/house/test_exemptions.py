"""Exemptions: each names a law that exists and gives a reason. (Stale subjects are found by the law itself.)"""

from __future__ import annotations

import re
from pathlib import Path

from .laws import exemptions


def test_exemptions_name_laws_and_reasons() -> None:
    known = {
        name for path in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"judge\(\s*f?\"([^\"]+)\"", path.read_text())
    }  # fmt: skip
    assert len(known) > 20
    for law, reason in exemptions().items():
        name = law.split(" ", 1)[0]
        assert name in known or any("{" in each and name.endswith(each.split("}")[-1]) for each in known), f"{law}: no such law"
        assert len(reason) > 15, f"{law}: an exemption says why"
