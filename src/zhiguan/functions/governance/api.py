"""Cases for programs: the same rows, scope and acts as their pages."""

from zhiguan.kit.api import Resource
from zhiguan.kit.pages import Column

from .pages import case, lists, standing

CASE = Resource.of(
    list=lists.CASES,
    detail=case.CASE,
    also=(
        Column("values", "表单", value=case.values_for_programs), Column("outcomes", "步骤结果"),
        Column("decisions", "决策结果"), Column("stage", "当前环节"), Column("result", "办理结果"),
        Column("document_no", "文号"),
    ),
)  # fmt: skip
DELEGATION = Resource.of(list=standing.DELEGATIONS, detail=standing.DELEGATION, create=standing.NEW_DELEGATION)
