"""Pictures of seals: an uploaded one in a frame that Typst takes, and the demo city's own, drawn here."""

from __future__ import annotations

import base64
import math
from html import escape

RED = "#d3191f"
SIDE = 420
"""Units of the drawing: tenths of a millimetre at the usual 42 mm of a municipal organ."""
DEMO_LEGEND = "演示用章"
FONT = "'Noto Serif SC','Noto Serif CJK SC','Songti SC','SimSun',serif"


def _star(centre: float, radius: float) -> str:
    inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(54))
    points = []
    for corner in range(10):
        length, angle = (radius, inner)[corner % 2], math.radians(36 * corner - 90)
        points.append(f"{centre + length * math.cos(angle):.2f},{centre + length * math.sin(angle):.2f}")
    return f'<polygon points="{" ".join(points)}" fill="{RED}"/>'


def _arc(text: str, radius: float, height: float) -> str:
    """Return the letters standing on a circle, the first lower left, the last lower right; narrow when there are many."""
    step = min(26.0, 248 / max(1, len(text) - 1))
    width = min(height, math.radians(step) * (radius + height * 0.2) * 0.9)
    first, letters = -step * (len(text) - 1) / 2, []
    for place, letter in enumerate(text):
        letters.append(
            f'<text transform="translate({SIDE / 2} {SIDE / 2}) rotate({first + step * place:.3f}) '
            f'translate(0 {-radius:.2f}) scale({width / height:.4f} 1)" font-size="{height}">{escape(letter)}</text>'
        )
    return "".join(letters)


def demo(organ: str) -> str:
    """Return the round seal of an organ as SVG, marked 演示用章 where a real one has nothing or its purpose."""
    middle = SIDE / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">'
        f'<circle cx="{middle}" cy="{middle}" r="{middle - 7}" fill="none" stroke="{RED}" stroke-width="11"/>'
        f'{_star(middle, 66)}<g font-family="{FONT}" fill="{RED}" stroke="{RED}" stroke-width="1.2" '
        f'text-anchor="middle">{_arc(organ, 146, 44)}'
        f'<text x="{middle}" y="{SIDE - 84}" font-size="36">{DEMO_LEGEND}</text></g></svg>'
    )


def framed(content: bytes, media_type: str) -> str:
    """Return an uploaded picture as SVG, so that both kinds are put on paper alike."""
    data = base64.b64encode(content).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">'
        f'<image width="{SIDE}" height="{SIDE}" href="data:{media_type};base64,{data}"/></svg>'
    )
