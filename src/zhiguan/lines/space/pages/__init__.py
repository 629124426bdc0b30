"""Pages of office premises, one module for each part of the work."""

from .buildings import *  # noqa: F403
from .desk import *  # noqa: F403
from .measure import *  # noqa: F403
from .premises import *  # noqa: F403
from .repairs import *  # noqa: F403
from .sizes import *  # noqa: F403
