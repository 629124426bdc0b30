"""Pages of housing security."""

from .allowances import *  # noqa: F403
from .desk import *  # noqa: F403
from .records import *  # noqa: F403
