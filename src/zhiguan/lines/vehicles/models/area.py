"""The area of row rules that all tables of the line share."""

AREA = "vehicles"
