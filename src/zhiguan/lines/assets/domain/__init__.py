"""Verbs of state-owned assets, one module a subject."""
