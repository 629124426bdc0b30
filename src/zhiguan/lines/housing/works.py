"""What the approval items of the line do: declared here, where the registry looks."""

from .domain.case_work import ALLOWANCE_WORK

__all__ = ["ALLOWANCE_WORK"]
