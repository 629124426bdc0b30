"""Speed of deciding: a table of 20 rules and 4 columns, against SpiffWorkflow's own DMN engine on the same table.

`python bench/dmn.py [SECONDS]` prints JSON Lines {"name","value","unit","baseline","ratio"}. Both read the table once
and then decide the same questions; SpiffWorkflow's engine evaluates every cell as Python, ours as FEEL, typed, with the
reasons of the hit. Nothing is cached between questions on either side.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from lxml import etree
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.dmn.engine.DMNEngine import DMNEngine
from SpiffWorkflow.dmn.parser.DMNParser import DMNParser
from SpiffWorkflow.dmn.specs.model import Decision

from zhiguan.kernel.decisions import dmn

SPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"
LEVELS = ("A", "B", "C", "D")
BANDS = ((0, 50), (50, 200), (200, 1000), (1000, 5000), (5000, 100000))


def table() -> bytes:
    """Return the table: a level, a band of amounts, a place that only some rules ask for. Its cells are FEEL and Python."""
    rows = []
    for at, (level, (low, high)) in enumerate((level, band) for level in LEVELS for band in BANDS):
        cells = [f'"{level}"', f"&gt;= {low}", f"&lt; {high}", '? != "never"' if at % 3 == 2 else ""]
        entries = "".join(f'<inputEntry id="c{at}{n}"><text>{cell}</text></inputEntry>' for n, cell in enumerate(cells))
        result = f'<outputEntry id="o{at}"><text>"{level}{at}"</text></outputEntry>'
        rows.append(f'<rule id="r{at}">{entries}{result}</rule>')
    columns = "".join(
        f'<input id="i{n}" label="{text}"><inputExpression id="e{n}" typeRef="{kind}"><text>{text}</text>'
        "</inputExpression></input>"
        for n, (text, kind) in enumerate(
            (("level", "string"), ("amount", "number"), ("amount", "number"), ("place", "string"))
        )
    )
    output = '<output id="o" name="result" typeRef="string"/>'
    return (
        f'<definitions xmlns="{SPACE}" id="d" name="d" namespace="urn:d"><decision id="D" name="D">'
        f'<decisionTable id="t" hitPolicy="UNIQUE">{columns}{output}{"".join(rows)}</decisionTable></decision></definitions>'
    ).encode()


QUESTIONS = [
    {"level": LEVELS[n % 4], "amount": (n * 37) % 6000, "place": "north"} for n in range(200)
]


def rate(decide, seconds: float) -> float:
    """Return decisions a second."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for question in QUESTIONS:
            decide(question)
        done += len(QUESTIONS)
    return done / (time.perf_counter() - start)


def spiff(data: bytes):
    """Return what decides a question with SpiffWorkflow's engine."""
    root = etree.fromstring(data)
    node = root[0]
    decision = Decision("D", "D")
    DMNParser(None, root, {"dmn": SPACE})._parse_decision_tables(decision, node)
    engine = DMNEngine(decision.decisionTables[0])
    workflow = SimpleNamespace(script_engine=PythonScriptEngine())
    return lambda question: engine.result(SimpleNamespace(data=dict(question), workflow=workflow))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    data = table()
    model = dmn.read(data)
    theirs = spiff(data)
    for question in QUESTIONS:
        assert model.decide("D", question).value == theirs(question)["result"], question
    ours_rate, theirs_rate = rate(lambda question: model.decide("D", question), seconds), rate(theirs, seconds)
    start = time.perf_counter()
    for _ in range(20):
        dmn.read(data)
    reading = (time.perf_counter() - start) / 20
    for name, value, unit, baseline in (
        ("dmn.decisions_20_rules", round(ours_rate), "1/s", round(theirs_rate)),
        ("dmn.read_20_rules", round(1000 * reading, 2), "ms", None),
    ):
        ratio = None if baseline is None else round(value / baseline, 2)
        print(json.dumps({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio}))


if __name__ == "__main__":
    main()
