"""What the approval items of the line do: declared here, where the registry looks."""

from .domain.case_work import QUOTA_WORK, RENEWAL_WORK

__all__ = ["QUOTA_WORK", "RENEWAL_WORK"]
