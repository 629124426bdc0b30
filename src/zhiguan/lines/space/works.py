"""What the approval items of the line do: declared here, where the registry looks."""

from .domain.case_repairs import REPAIRS_WORK
from .domain.case_sizes import SIZE_WORK

__all__ = ["REPAIRS_WORK", "SIZE_WORK"]
