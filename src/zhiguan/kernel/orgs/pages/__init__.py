"""Pages of units, people, posts held and posts approved."""

from .people import *  # noqa: F403
from .units import *  # noqa: F403
