"""Signed checkpoints: what the log promises to outsiders, made every minute by the worker."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from zhiguan.kit.actor import system
from zhiguan.kit.errors import Refusal

from . import proof, signing
from .models import Checkpoint, Link

log = logging.getLogger(__name__)
BATCH = 5000
LOCK = 8828302713463306


class LogDamaged(Refusal):
    """痕迹链受损: the log no longer agrees with what was signed before. Nothing is signed until people have looked."""

    status = 500
    code = "trace_damaged"


def checkpoint(*, accept_new_key: bool = False) -> Checkpoint | None:
    """Sign the log as it stands and return the newest checkpoint; None while the log is empty.

    Without new entries the last one is returned. Before signing, the last checkpoint's own signature, root and chain
    head are checked against the log, and every new entry's content, link and place; on disagreement :class:`LogDamaged`
    is raised and nothing signed. ``accept_new_key`` allows a key other than the last checkpoint's (``KeyUnusable``
    otherwise). Works as the system, whoever calls: the whole log is signed, not the caller's part.
    """
    seal()
    key = signing.private_key()
    public = signing.public_bytes(key)
    algorithm = getattr(settings, "ZHIGUAN_TRACE_DIGEST", "sha256")
    with system("trace.checkpoint").transaction():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        last = Checkpoint.objects.order_by("-size").first()
        if last is not None:
            _check(last)
            if bytes(last.public_key) != public and not accept_new_key:
                raise signing.KeyUnusable(
                    "签名密钥与上一检查点所用的不同。如确系更换密钥，请执行 zhiguan trace checkpoint --accept-new-key，"
                    "并将新公钥送达各见证单位；否则请从备份恢复原密钥。"
                )
        _check_complete(last.size if last else 0)
        tree = tree_at(last.size if last else 0, algorithm)
        size, head = tree.size, bytes(last.head) if last else proof.ZERO
        for link in iterate(after=size):
            head = _extend(link, size + 1, head)
            tree.append(head)
            size += 1
        if last is not None and size == last.size:
            return last
        if size == 0:
            return None
        made = Checkpoint(
            size=size,
            algorithm=algorithm,
            at=timezone.now(),
            root=tree.root(),
            head=head,
            previous=proof.checkpoint_hash(last.document) if last else proof.ZERO,
            nodes=tree.nodes,
            public_key=public,
            signature=b"",
        )
        made.signature = key.sign(proof.checkpoint_bytes(made.document))
        made.save(force_insert=True)
        return made


def seal() -> int:
    """Give every committed entry its place in the chain; return how many had none.

    An act takes its place at its own commit unless another commit is just extending the chain; then the next act, this
    verb or the next checkpoint does it.
    """
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT trace_seal()")
            done = cursor.fetchone()[0]
        if not done:
            return total
        total += done


def _check_complete(size: int) -> None:
    """Refuse when an entry newer than the last checkpoint's is neither in the chain nor waiting for its place."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM trace_entry e
               WHERE e.id > COALESCE((SELECT entry_id FROM trace_link WHERE seq = %s), 0)
               AND NOT EXISTS (SELECT FROM trace_link l WHERE l.entry_id = e.id)
               AND NOT EXISTS (SELECT FROM trace_pending p WHERE p.entry_id = e.id)""",
            [size],
        )
        if lost := cursor.fetchone()[0]:
            _damaged(f"{lost} 条记录不在链上")


def _check(last: Checkpoint) -> None:
    """Refuse to build on a checkpoint that was not signed, or that the log no longer fulfils."""
    kept = proof.Tree(last.algorithm, last.size, [bytes(node) for node in last.nodes])
    link = Link.objects.filter(seq=last.size).first()
    if not proof.signed(last.document) or kept.root() != bytes(last.root):
        _damaged(f"第 {last.size} 号检查点的签名或根不符")
    if link is None:
        _damaged(f"检查点承诺 {last.size} 条记录，链尾缺失")
    elif bytes(link.hash) != bytes(last.head):
        _damaged(f"第 {last.size} 条记录与检查点不符")


def _extend(link: Link, seq: int, head: bytes) -> bytes:
    """Return the link's hash after deriving it again from the entry's content."""
    if link.seq != seq:
        _damaged(f"第 {seq} 条记录缺失")
    found = proof.entry_digest(link.entry.content)
    if found != bytes(link.entry.digest):
        _damaged(f"第 {seq} 条记录内容与摘要不符")
    if bytes(link.prev_hash) != head or proof.link_hash(link.entry.algorithm, seq, head, found) != bytes(link.hash):
        _damaged(f"第 {seq} 条记录与前一条不相连")
    return bytes(link.hash)


def _damaged(what: str) -> None:
    log.error("trace log damaged: %s", what)
    raise LogDamaged(f"痕迹记录受损：{what}。已停止签发检查点，请立即保全数据库并由审计管理员核查。")


def iterate(*, after: int, upto: int | None = None):
    """Yield links with their entries in order, in batches, without holding the whole log in memory."""
    while True:
        rows = Link.objects.filter(seq__gt=after).select_related("entry").order_by("seq")
        if upto is not None:
            rows = rows.filter(seq__lte=upto)
        batch = list(rows[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].seq


def tree_at(size: int, algorithm: str) -> proof.Tree:
    """Return the tree over the first ``size`` entries, from the nearest checkpoint of the same algorithm."""
    near = Checkpoint.objects.filter(size__lte=size, algorithm=algorithm).order_by("-size").first()
    tree = proof.Tree(algorithm)
    if near is not None:
        tree = proof.Tree(algorithm, near.size, [bytes(node) for node in near.nodes])
    start = tree.size
    while start < size:
        hashes = Link.objects.filter(seq__gt=start, seq__lte=size).order_by("seq").values_list("seq", "hash")[:BATCH]
        before = start
        for seq, link in hashes:
            tree.append(bytes(link))
            start = seq
        if start == before:
            break
    return tree
