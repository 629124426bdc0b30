"""What the approval items of the line do: declared here, where the registry looks."""

from .domain.disposal_work import DISPOSAL_WORK
from .domain.title_work import CHANGE_WORK, TITLE_WORK

__all__ = ["CHANGE_WORK", "DISPOSAL_WORK", "TITLE_WORK"]
