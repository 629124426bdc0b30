"""Input to clean values, one module a subject."""

from .cards import AssetForm, HandOverForm, HolderForm, NewAssetForm, RevalueForm, TermsForm
from .decisions import CancelTitleForm, DisposalForm, ExecuteForm, NewTitleForm, ReplaceTitleForm, SettleForm

__all__ = [
    "AssetForm",
    "CancelTitleForm",
    "DisposalForm",
    "ExecuteForm",
    "HandOverForm",
    "HolderForm",
    "NewAssetForm",
    "NewTitleForm",
    "ReplaceTitleForm",
    "RevalueForm",
    "SettleForm",
    "TermsForm",
]
