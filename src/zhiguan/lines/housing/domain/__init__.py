"""Verbs of the line, one module a subject."""
