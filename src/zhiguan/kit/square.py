"""二维码: QR codes that lead from paper back to the system."""

from __future__ import annotations

import io

import segno


def square(text: str) -> str:
    """Return a QR code of the text as SVG, as large as what it is put into."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", border=0, xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue().decode()
