"""Decisions (决策): DMN tables and graphs, FEEL expressions, and XML read safely. No tables of its own, no database.

`feel` evaluates, `dmn` reads and decides, `hardened` reads XML from outside. Each says in its first lines what it shows.
"""
