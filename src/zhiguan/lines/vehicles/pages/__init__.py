"""Pages of official vehicles, one module for each part of the work."""

from .annual import *  # noqa: F403
from .board import *  # noqa: F403
from .cockpit import *  # noqa: F403
from .costs import *  # noqa: F403
from .desk import *  # noqa: F403
from .driver import *  # noqa: F403
from .due import *  # noqa: F403
from .evaluation import *  # noqa: F403
from .life import *  # noqa: F403
from .maps import *  # noqa: F403
from .mishaps import *  # noqa: F403
from .nearby import *  # noqa: F403
from .net import *  # noqa: F403
from .order import *  # noqa: F403
from .orders import *  # noqa: F403
from .places import *  # noqa: F403
from .plans import *  # noqa: F403
from .privacy import *  # noqa: F403
from .register import *  # noqa: F403
from .slip import *  # noqa: F403
from .studies import *  # noqa: F403
from .terminals import *  # noqa: F403
from .vehicles import *  # noqa: F403
