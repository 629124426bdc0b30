"""The words in which a step says who may do it (``zg:who``); read here, answered by :mod:`candidates`."""

from __future__ import annotations

import re
from dataclasses import dataclass

WHERE = {"applicant": "申请单位", "unit": "申请人所在处室", "parent": "上级单位", "bureau": "主管部门", "": ""}
KINDS = {
    "permission": "权限", "role": "角色", "post": "职务", "rank": "职务层次", "chief": "负责人", "applicant": "申请人",
    "handler": "步骤办理人", "field": "表单中的人员", "person": "人员", "group": "工作组", "duty": "值班人员",
}  # fmt: skip
NEEDS = frozenset("permission role post rank handler field person group duty".split())
PLACED = frozenset("permission role post rank chief".split())


@dataclass(frozen=True)
class Term:
    """One term: ``kind:what@where``."""

    kind: str
    what: str = ""
    where: str = ""


def parse(text: str) -> list[list[Term]]:
    """Return alternatives, each a union of terms; raises ``ValueError`` in Chinese for what is not a term."""
    found: list[list[Term]] = []
    for alternative in text.split("|"):
        terms = [_term(word.strip()) for word in alternative.split(",") if word.strip()]
        if not terms:
            raise ValueError("办理人规则有空的部分")
        found.append(terms)
    return found


def _term(word: str) -> Term:
    match = re.fullmatch(r"(\w+)(?::([^@]+))?(?:@(\w+))?", word)
    if match is None or match[1] not in KINDS:
        raise ValueError(f"不认识的办理人规则“{word}”，可用：{'、'.join(KINDS)}")
    term = Term(match[1], (match[2] or "").strip(), match[3] or "")
    if term.where not in WHERE:
        raise ValueError(f"“{word}”中的范围须为 {'、'.join(name for name in WHERE if name)} 之一")
    if term.kind in NEEDS and not term.what:
        raise ValueError(f"“{word}”须在冒号后写明{KINDS[term.kind]}")
    if term.where and term.kind not in PLACED:
        raise ValueError(f"“{word}”不能带范围")
    if term.kind in ("post", "rank", "chief") and term.where in ("", "bureau"):
        raise ValueError(f"“{word}”须写明范围 @applicant、@unit 或 @parent")
    if term.kind == "chief" and term.what and not term.what.isdigit():
        raise ValueError(f"“{word}”冒号后须为上级层数")
    return term


def faults(text: str) -> list[str]:
    """Return what is wrong with the words, for checking a file."""
    try:
        parse(text)
    except ValueError as error:
        return [str(error)]
    return []
