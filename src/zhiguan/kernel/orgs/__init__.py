"""Organisations and people: the tree city → districts → organs → divisions, who served where and when."""
