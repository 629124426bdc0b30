"""Fixtures for every test of the tree; see ``zhiguan.site.testing``."""

from zhiguan.site.testing import *  # noqa: F403
