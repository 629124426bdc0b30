"""Pages of the system's administration and of its log."""

from .access import *  # noqa: F403
from .accounts import *  # noqa: F403
from .apidocs import *  # noqa: F403
from .audit import *  # noqa: F403
from .places import *  # noqa: F403
