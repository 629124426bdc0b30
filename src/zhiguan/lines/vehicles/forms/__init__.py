"""Forms of official vehicles, one module for each part of the work: what people type, made into clean values."""

from .costs import *  # noqa: F403
from .fields import *  # noqa: F403
from .life import *  # noqa: F403
from .net import *  # noqa: F403
from .orders import *  # noqa: F403
from .places import *  # noqa: F403
from .plans import *  # noqa: F403
from .register import *  # noqa: F403
