"""The reference models of the BPMN interchange group, and what other tools made of them: read and counted.

They are drawings of everything BPMN can say. Here every element is read and counted, and the check names what our engine
does not run; none of them is a process that somebody could handle in this system (docs/flow-conformance.md).
"""

from __future__ import annotations

import json

import pytest

from zhiguan.kernel.flow import plan
from zhiguan.kit.errors import Invalid


@pytest.fixture
def models(shared_data):
    folder = shared_data("data/process_bpmn_dmn/bpmn/expected.json").parent
    return folder, json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_model_is_read_and_counted(models):
    folder, expected = models
    read, wrong = 0, []
    for name, model in expected.items():
        for each in [model, *model["exports"]]:
            path = folder / each["file"].removeprefix("bpmn/")
            found = plan.elements(path.read_bytes())
            read += 1
            wrong += [(name, path.parent.name, element, found[element], count)
                      for element, count in each["elements"].items() if found[element] != count]  # fmt: skip
    assert read >= 40 and wrong == []


def test_what_cannot_run_is_named(models):
    folder, _ = models
    for path in sorted((folder / "Reference").glob("*.bpmn")):
        with pytest.raises(Invalid, match="流程文件不能使用"):
            plan.read(path.read_bytes())
