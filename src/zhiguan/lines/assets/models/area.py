"""The subject area whose scope the line's rows are read under."""

AREA = "assets"
