"""Forms of official vehicles, one module for each part of the work: what people type, made into clean values."""

from .fields import *  # noqa: F403
from .orders import *  # noqa: F403
from .register import *  # noqa: F403
