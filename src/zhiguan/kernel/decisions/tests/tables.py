"""Small DMN files for tests."""

from __future__ import annotations

from xml.sax.saxutils import escape

SPACE = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def definitions(body: str, name: str = "m") -> bytes:
    """Return a file with ``body``."""
    return f'<definitions xmlns="{SPACE}" id="{name}" name="{name}" namespace="urn:{name}">{body}</definitions>'.encode()


def table_xml(
    rows: list[list[str]], columns: list[tuple[str, ...]], outputs: list[tuple[str, ...]], policy: str = "UNIQUE"
) -> str:
    """Return a decisionTable. Columns are expression, type and the values it may have; outputs name, type, values in
    their order and default; a row its cells and results, and one more for an annotation."""
    made = []
    for at, (text, kind, *values) in enumerate(columns):
        limit = f"<inputValues><text>{escape(values[0])}</text></inputValues>" if values and values[0] else ""
        expression = f'<inputExpression typeRef="{kind}"><text>{escape(text)}</text></inputExpression>'
        made.append(f'<input id="i{at}" label="{escape(text)}">{expression}{limit}</input>')
    for at, (name, kind, *more) in enumerate(outputs):
        inner = f"<outputValues><text>{escape(more[0])}</text></outputValues>" if more and more[0] else ""
        if len(more) > 1:
            inner += f"<defaultOutputEntry><text>{escape(more[1])}</text></defaultOutputEntry>"
        made.append(f'<output id="o{at}" name="{name}" typeRef="{kind}">{inner}</output>')
    for at, row in enumerate(rows, 1):
        cells = "".join(f"<inputEntry><text>{escape(each)}</text></inputEntry>" for each in row[: len(columns)])
        width = len(columns) + len(outputs)
        results = "".join(f"<outputEntry><text>{escape(each)}</text></outputEntry>" for each in row[len(columns) : width])
        notes = "".join(f"<annotationEntry><text>{escape(each)}</text></annotationEntry>" for each in row[width:])
        made.append(f'<rule id="r{at}">{cells}{results}{notes}</rule>')
    kind, _, aggregation = policy.partition(" +")
    more = f' aggregation="{aggregation}"' if aggregation else ""
    return f'<decisionTable hitPolicy="{kind}"{more}>{"".join(made)}</decisionTable>'


def table(rows, columns, outputs=(("结果", "string"),), policy: str = "UNIQUE") -> bytes:
    """Return a file of one decision, D, that is a table and declares no input data."""
    inner = table_xml(rows, list(columns), list(outputs), policy)
    return definitions(f'<decision id="D" name="判定"><variable name="判定"/>{inner}</decision>')
