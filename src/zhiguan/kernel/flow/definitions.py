"""Process definitions: shipped with a line, or edited here; tested, reviewed by a second person, signed, rolled back.

What runs is signed text: the digest over the BPMN file and its tables, together with item and version, signed with this
installation's key. A row changed behind our back (or copied from another installation) is not run.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from cryptography.exceptions import InvalidSignature
from django.db import transaction
from django.utils import timezone
from lxml import etree

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.trace import signing
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound

from . import dmn, engine, plan, trying
from .codes import EDIT, REVIEW
from .declare import NAMESPACE, ServiceItem
from .models import Definition


class Unsigned(Invalid):
    """流程定义未签名或已被改动: nothing runs on it."""

    code = "flow_unsigned"


def _signed_text(row: Definition) -> bytes:
    return f"zhiguan.flow/1\n{row.item}\n{row.number}\n{row.digest}".encode()


def _sign(row: Definition) -> str:
    return base64.b64encode(signing.private_key().sign(_signed_text(row))).decode()


def verify(row: Definition) -> None:
    """Raise :class:`Unsigned` unless the row's text is what was published here."""
    if engine.digest_of(row.bpmn, row.tables) != row.digest:
        raise Unsigned(f"流程“{row}”的内容与发布时不一致，已停止使用。请联系系统管理员。")
    try:
        signing.private_key().public_key().verify(base64.b64decode(row.signature or b""), _signed_text(row))
    except (InvalidSignature, ValueError):
        raise Unsigned(f"流程“{row}”的签名无效，已停止使用。请联系系统管理员。") from None


_verified: dict[tuple[int, str, str], bool] = {}


def process_of(row: Definition) -> engine.Process:
    """Return the compiled process of a published version, after checking its signature.

    The check is kept by what was checked (row, signature, digest of the text): any change asks it again.
    """
    known = (row.pk, row.signature, engine.digest_of(row.bpmn, row.tables))
    if known not in _verified:
        verify(row)
        if len(_verified) > 500:
            _verified.clear()
        _verified[known] = True
    return engine.compiled(row.bpmn, row.tables)


# --- shipped ----------------------------------------------------------------------------------------------------------


def shipped(item: ServiceItem) -> tuple[str, dict[str, str]]:
    """Return (BPMN, tables by name) as the line ships them."""
    folder = resources.files(item.package)
    tables = {name: (folder / path).read_text(encoding="utf-8") for name, path in item.decisions.items()}
    return (folder / item.flow).read_text(encoding="utf-8"), tables


def sync(actor: Actor) -> int:
    """Enter the shipped processes that the database lacks; return how many were new. Idempotent.

    The first version of an item is published. Where people here have published one of their own since, a newly shipped
    one is left as a draft for them to look at. Cases keep the version they began with.
    """
    root = orgs.root()
    if root is None:
        return 0
    made = 0
    for item in registry.current().all(ServiceItem):
        bpmn, tables = shipped(item)
        digest = engine.digest_of(bpmn, tables)
        rows = Definition.objects.filter(item=item.code).order_by("-number")
        if rows.filter(digest=digest).exists():
            continue
        engine.compiled(bpmn, tables)
        latest = rows.first()
        ours = latest is None or not rows.filter(state="published", shipped=False).exists()
        number = latest.number + 1 if latest else 1
        values = {"item": item.code, "number": number, "bpmn": bpmn, "tables": tables, "digest": digest, "unit": root,
                  "shipped": True, "note": "随系统提供"}  # fmt: skip
        if ours:
            for row in rows.filter(state="published"):
                ledger.move(row, "retire", actor, reason="系统提供了新版本")
            draft = Definition(item=item.code, number=number, digest=digest)
            values |= {"state": "published", "signature": _sign(draft), "published_at": timezone.now()}
        ledger.create(Definition, actor, values, name="随系统提供")
        made += 1
    return made


# --- edited here ------------------------------------------------------------------------------------------------------


@transaction.atomic
def create(actor: Actor, source: Definition, *, note: str) -> Definition:
    """新建版本: a draft made from another version of the same item."""
    actor.require(EDIT)
    latest = Definition.objects.filter(item=source.item).order_by("-number").first()
    values = {
        "item": source.item, "number": (latest.number if latest else 0) + 1, "bpmn": source.bpmn, "tables": source.tables,
        "checks": source.checks, "digest": source.digest, "note": note, "author_id": actor.account_id, "unit": source.unit,
    }  # fmt: skip
    return ledger.create(Definition, actor, values, name="新建版本")


@transaction.atomic
def change(
    actor: Actor, row: Definition, *, bpmn: str | None = None, tables: Mapping[str, str] | None = None,
    checks: list[Any] | None = None, note: str | None = None, version: int | None = None,
) -> Definition:  # fmt: skip
    """修改: text, tables and test cases of a draft. The file is checked; a file that cannot run is not kept."""
    actor.require(EDIT)
    if row.state != "draft":
        raise Conflict("只有草稿可以修改；已发布的版本请新建版本后修改。", code="not_draft")
    new_bpmn, new_tables = row.bpmn if bpmn is None else bpmn, dict(row.tables if tables is None else tables)
    engine.compiled(new_bpmn, new_tables)
    values: dict[str, Any] = {"bpmn": new_bpmn, "tables": new_tables, "digest": engine.digest_of(new_bpmn, new_tables)}
    if checks is not None:
        values["checks"] = checks
    if note is not None:
        values["note"] = note
    return ledger.change(row, actor, values, name="修改", version=version)


TABLE_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_TABLES = 20


def _free_code(row: Definition, code: str, *, but: str = "") -> str:
    """Return the code of a table if the draft can have one of it; ``but`` is the code it has now."""
    if not TABLE_CODE.fullmatch(code):
        text = "代码以小写英文字母开头，只用小写英文字母、数字和下划线，最多 40 个。"
        raise Invalid(text, fields={"code": text})
    if code in row.tables and code != but:
        raise Invalid(f"已有代码为“{code}”的决策表。", fields={"code": "该代码已使用。"})
    return code


def users_of(row: Definition, table: str) -> list[str]:
    """Return the names of the steps of the process that decide by a table."""
    process = engine.compiled(row.bpmn, row.tables)
    return [process.plan.names[node] for node, (file, _) in process.plan.decisions.items() if file == table]


def add_table(actor: Actor, row: Definition, *, code: str, text: str) -> Definition:
    """新建决策表: a draft gets another DMN file; a business rule task can then decide by it."""
    if len(row.tables) >= MOST_TABLES:
        raise Conflict(f"一个流程最多 {MOST_TABLES} 张决策表。", code="too_many_tables")
    return change(actor, row, tables=row.tables | {_free_code(row, code): text})


def rename_table(actor: Actor, row: Definition, *, table: str, code: str, text: str) -> Definition:
    """决策表改名: another code, and the file with what it is called now; the steps that decide by it go along."""
    if table not in row.tables:
        raise NotFound("该流程没有这张决策表。")
    _free_code(row, code, but=table)
    root, _ = plan.read(row.bpmn.encode())
    for task in root.iter(f"{{{plan.BPMN}}}businessRuleTask"):
        name = f"{{{NAMESPACE}}}decision"
        file, _, decision = (task.get(name) or "").partition(":")
        if file == table:
            task.set(name, f"{code}:{decision}")
    tables = {name: data for name, data in row.tables.items() if name != table} | {code: text}
    return change(actor, row, bpmn=etree.tostring(root.getroottree(), encoding="unicode"), tables=tables)


def remove_table(actor: Actor, row: Definition, *, table: str) -> Definition:
    """删除决策表: as long as no step decides by it."""
    if table not in row.tables:
        raise NotFound("该流程没有这张决策表。")
    if used := users_of(row, table):
        raise Conflict(f"步骤“{'”“'.join(used)}”按这张决策表决定，请先在流程中改用其他决策表。", code="table_used")
    return change(actor, row, tables={name: text for name, text in row.tables.items() if name != table})


def faults(row: Definition) -> list[str]:
    """Return what speaks against publishing: test cases that fail, doubts about the tables."""
    process = engine.compiled(row.bpmn, row.tables)
    found = [
        f"决策表“{name}”：{finding.message}" for name, model in process.tables.items() for finding in dmn.lint(model)
    ]
    for number, check in enumerate(row.checks, 1):
        found += [f"测试用例 {number}（{check.get('name', '')}）：{text}" for text in trying.failures(process, check)]
    return found


@transaction.atomic
def propose(actor: Actor, row: Definition) -> Definition:
    """提交复核: test cases are run; one that fails keeps the draft a draft."""
    actor.require(EDIT)
    failed = [text for text in faults(row) if text.startswith("测试用例")]
    if failed:
        raise Invalid("测试用例未通过，不能提交复核：" + "；".join(failed[:5]), code="checks_failed")
    if not row.checks:
        raise Invalid("请至少编写一个测试用例再提交复核。", code="no_checks", fields={"checks": "至少一个测试用例。"})
    return ledger.move(row, "propose", actor, author_id=actor.account_id)


@transaction.atomic
def send_back(actor: Actor, row: Definition, *, reason: str) -> Definition:
    """退回修改: by the reviewer."""
    actor.require(REVIEW)
    return ledger.move(row, "send_back", actor, reason=reason)


@transaction.atomic
def publish(actor: Actor, row: Definition) -> Definition:
    """发布: by somebody else than the author. New cases run on it; running ones keep theirs."""
    actor.require(REVIEW)
    if actor.account_id is None or actor.account_id == row.author_id:
        raise Denied("流程须由编制人以外的人员复核发布。", code="two_people")
    if failed := [text for text in faults(row) if text.startswith("测试用例")]:
        raise Invalid("测试用例未通过，不能发布：" + "；".join(failed[:5]), code="checks_failed")
    for other in Definition.objects.filter(item=row.item, state="published").exclude(pk=row.pk):
        ledger.move(other, "retire", actor, reason=f"发布第 {row.number} 版")
    row.digest = engine.digest_of(row.bpmn, row.tables)
    return ledger.move(row, "publish", actor, digest=row.digest, signature=_sign(row), reviewer_id=actor.account_id,
                       published_at=timezone.now())  # fmt: skip


@transaction.atomic
def retire(actor: Actor, row: Definition) -> Definition:
    """停用: no new case runs on it."""
    actor.require(REVIEW)
    return ledger.move(row, "retire", actor)


@transaction.atomic
def restore(actor: Actor, row: Definition, *, reason: str) -> Definition:
    """恢复启用（回退）: an earlier version takes the place of the present one; its signature still holds it."""
    actor.require(REVIEW)
    verify(row)
    for other in Definition.objects.filter(item=row.item, state="published").exclude(pk=row.pk):
        ledger.move(other, "retire", actor, reason=f"恢复第 {row.number} 版")
    return ledger.move(row, "restore", actor, reason=reason)
