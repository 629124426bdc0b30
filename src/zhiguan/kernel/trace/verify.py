"""Offline verification of exported logs: needs the file, this module and ``proof.py``, no database and no Django.

Everything is derived again from the content: the digest of each entry, its link, the Merkle root at each checkpoint.
What the file says about itself is only ever compared, never believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import proof

FAULTS = {
    "malformed": "格式错误",
    "incomplete": "文件不完整",
    "missing_entry": "删除：记录缺失",
    "truncated": "截断：尾部记录缺失",
    "rewritten": "改写：内容与摘要不符",
    "chain_broken": "断链：与前一条记录不相连",
    "rechained": "重新串链：与签名的根不符",
    "reordered": "乱序：记录次序被调换",
    "duplicated": "重复：序号出现两次",
    "forged_checkpoint": "伪造检查点：签名无效",
    "unknown_key": "未知公钥：检查点不是由受信任的密钥签发",
    "missing_checkpoint": "检查点缺失：前后检查点不相连",
    "forked": "分叉：同一位置出现两种历史",
    "unsigned_tail": "尾部未签名：没有检查点覆盖",
    "detail_rewritten": "明细改写：明细与日志中的摘要不符",
    "witness_not_covered": "无法核对：文件不含见证检查点所在的范围",
}
"""Every fault the verifier can name."""

MAX_FAULTS = 50
LINES = {
    "header": {"format", "exported_at", "first", "algorithms", "details", "public_key"},
    "range": {"algorithm", "size", "nodes"},
    "entry": {"seq", "prev", "digest", "hash", "entry"},
    "detail": {"seq", "salt", "actor_name", "unit_name", "address", "subject_label", "reason"},
    "snapshot": {"seq", "salt", "before", "after"},
    "checkpoint": {name for name, _ in proof.CHECKPOINT_FIELDS} | {"signature"},
    "end": {"entries"},
}


@dataclass(frozen=True)
class Fault:
    """One thing found wrong: ``code`` of :data:`FAULTS`, what exactly, and the entry it concerns."""

    code: str
    message: str
    seq: int | None = None

    def __str__(self) -> str:
        return f"{self.code} {FAULTS[self.code]}。{self.message}"


@dataclass
class Report:
    """What was found in one file."""

    name: str
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    first: int = 1
    entries: int = 0
    checkpoints: int = 0
    signed_size: int = 0
    signed_at: str = ""
    promises: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    """Validly signed checkpoints by (public key, size)."""
    hashes: bytearray = field(default_factory=bytearray)
    """Link hashes from ``first`` on, 32 bytes each; kept when several files are compared."""

    @property
    def ok(self) -> bool:
        return not self.faults

    def codes(self) -> set[str]:
        """Return the codes of the faults found."""
        return {fault.code for fault in self.faults}

    def add(self, code: str, message: str, seq: int | None = None) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(code, message, seq))


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise proof.Malformed("a name occurs twice in one object")
    return dict(pairs)


def parse(text: str) -> dict[str, Any]:
    """Return one line's object; raises ``Malformed`` unless it has exactly the names of its kind."""
    try:
        line = json.loads(text, object_pairs_hook=_no_twice)
    except (ValueError, RecursionError) as error:
        raise proof.Malformed(str(error)) from None
    kind = line.get("kind") if isinstance(line, dict) else None
    if not isinstance(kind, str) or kind not in LINES or line.keys() != LINES[kind] | {"kind"}:
        raise proof.Malformed("not a line of this format")
    return line


def digest_bytes(text: Any, size: int = 32) -> bytes:
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise proof.Malformed("not hexadecimal") from None
    if len(value) != size or value.hex() != text:
        raise proof.Malformed(f"not {size} bytes in lower-case hexadecimal")
    return value


def count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise proof.Malformed("not a count")
    return value


class FileCheck:
    """Verification of one file, fed line by line."""

    def __init__(self, name: str, trusted: set[bytes], witnessed: Sequence[dict[str, Any]], *, keep: bool = False):
        self.report = Report(name)
        self.trusted, self.keep = trusted, keep
        self.witnessed = {witness["size"]: witness for witness in witnessed}
        self.waiting: dict[int, list[dict[str, Any]]] = {}
        self.header: dict[str, Any] | None = None
        self.trees: dict[str, proof.Tree] = {}
        self.head: bytes | None = None
        self.last = 0
        self.sound = True
        """Whether the trees still hold exactly the entries 1 … last; after a gap no root can be derived."""
        self.gaps: list[list[int]] = []
        self.loose: list[tuple[int, str, bytes, bytes, bytes]] = []
        self.disputed: dict[int, str] = {}
        """Roots derived where a witness kept another, by size."""
        self.content: dict[str, Any] = {}
        self.readable: set[tuple[str, int]] = set()
        self.erased = 0
        self.previous: dict[str, Any] | None = None
        self.ended = False

    # --- lines --------------------------------------------------------------------------------------------------------

    def feed(self, number: int, text: str) -> None:
        """Check one line; ``number`` counts from 1."""
        try:
            line = parse(text)
            if self.ended or (self.header is None) != (line["kind"] == "header"):
                raise proof.Malformed("line out of place")
            getattr(self, f"_{line['kind']}")(line)
        except (proof.Malformed, OverflowError) as error:
            self.report.add("malformed", f"第 {number} 行：{error}")
            self.sound = False

    def _header(self, line: dict[str, Any]) -> None:
        self.header = {"details": False}
        if line["format"] != proof.FORMAT:
            raise proof.Malformed(f"unknown format {line['format']!r}")
        if not isinstance(line["algorithms"], list) or any(name not in proof.ALGORITHMS for name in line["algorithms"]):
            raise proof.Malformed("unknown algorithm")
        first = count(line["first"])
        self.header = line
        self.report.first = max(first, 1)
        wanted = {*line["algorithms"], *(witness["algorithm"] for witness in self.witnessed.values())}
        self.trees = {name: proof.Tree(name) for name in wanted} if first <= 1 else {}
        self.last = self.report.first - 1
        self.head = proof.ZERO if first <= 1 else None

    def _range(self, line: dict[str, Any]) -> None:
        if self.report.entries or count(line["size"]) != self.last or not isinstance(line["nodes"], list):
            raise proof.Malformed("range out of place")
        if line["algorithm"] not in proof.ALGORITHMS:
            raise proof.Malformed("unknown algorithm")
        self.trees[line["algorithm"]] = proof.Tree(
            line["algorithm"], line["size"], [digest_bytes(node) for node in line["nodes"]]
        )

    def _entry(self, line: dict[str, Any]) -> None:
        seq, stated = count(line["seq"]), digest_bytes(line["digest"])
        prev, link = digest_bytes(line["prev"]), digest_bytes(line["hash"])
        if not isinstance(line["entry"], dict):
            raise proof.Malformed("entry is not an object")
        found = proof.entry_digest(line["entry"])
        report = self.report
        report.entries += 1
        if seq <= self.last:
            return self._late(seq)
        if seq > self.last + 1:
            self.gaps.append([self.last + 1, seq - 1])
            self.sound, self.head = False, None
        if found != stated:
            report.add("rewritten", f"第 {seq} 条记录的内容与其摘要不符", seq)
        if proof.link_hash(line["entry"]["algorithm"], seq, prev, stated) != link:
            self.loose.append((seq, line["entry"]["algorithm"], prev, stated, link))
        if self.head is not None and prev != self.head:
            report.add("chain_broken", f"第 {seq} 条记录所指的前一条不是第 {seq - 1} 条", seq)
        self._settle_readable()
        self.content = line["entry"]
        self.last, self.head = seq, link
        for tree in self.trees.values():
            tree.append(link)
        if self.keep:
            report.hashes += link
        if seq in self.witnessed:
            self._compare(self.witnessed[seq], witness=True)
        for waiting in self.waiting.pop(seq, ()):
            self._compare(waiting)
        return None

    def _late(self, seq: int) -> None:
        for gap in self.gaps:
            if gap[0] <= seq <= gap[1]:
                self.gaps.remove(gap)
                self.gaps += [part for part in ([gap[0], seq - 1], [seq + 1, gap[1]]) if part[0] <= part[1]]
                return self.report.add("reordered", f"第 {seq} 条记录排在第 {self.last} 条之后", seq)
        return self.report.add("duplicated", f"第 {seq} 条记录再次出现", seq)

    def _detail(self, line: dict[str, Any]) -> None:
        actor = (line["actor_name"], line["unit_name"])
        others = (line["address"], line["subject_label"], line["reason"])
        if not all(isinstance(value, str) for value in (*actor, *others)):
            raise proof.Malformed("detail is not text")
        values = {"actor": proof.pack(actor)}
        for name, column in (("address", "address"), ("subject", "subject_label"), ("reason", "reason")):
            values[name] = line[column].encode()
        self._readable(line, values)

    def _snapshot(self, line: dict[str, Any]) -> None:
        if not all(value is None or isinstance(value, str) for value in (line["before"], line["after"])):
            raise proof.Malformed("snapshot is not text")
        self._readable(line, {name: (line[name] or "").encode() for name in ("before", "after")})

    def _readable(self, line: dict[str, Any], values: dict[str, bytes]) -> None:
        seq = count(line["seq"])
        if seq != self.last or (line["kind"], seq) in self.readable:
            raise proof.Malformed("readable part does not follow its entry")
        self.readable.add((line["kind"], seq))
        salt = digest_bytes(line["salt"])
        for name, value in values.items():
            found = proof.salted(self.content["algorithm"], salt, name, value).hex() if value else None
            if found != self.content[f"{name}_digest"]:
                self.report.add("detail_rewritten", f"第 {seq} 条记录的明细（{name}）与日志中的摘要不符", seq)

    def _settle_readable(self) -> None:
        """Count the readable parts that the entry just finished should have had."""
        if self.content and self.header and self.header["details"]:
            kept = any(self.content[f"{name}_digest"] for name in ("before", "after"))
            self.erased += ("detail", self.last) not in self.readable
            self.erased += kept and ("snapshot", self.last) not in self.readable
            self.readable.clear()

    def _checkpoint(self, line: dict[str, Any]) -> None:
        size = count(line["size"])
        for name in ("root", "head", "previous", "public_key"):
            digest_bytes(line[name])
        digest_bytes(line["signature"], 64)
        proof.checkpoint_bytes(line)
        if line["algorithm"] not in proof.ALGORITHMS:
            raise proof.Malformed("unknown algorithm")
        self.report.checkpoints += 1
        key = bytes.fromhex(line["public_key"])
        if not proof.signed(line):
            return self.report.add("forged_checkpoint", f"位于 {size} 的检查点签名无效", size)
        if self.trusted and key not in self.trusted:
            return self.report.add("unknown_key", f"位于 {size} 的检查点由密钥 {proof.key_id(key)} 签发", size)
        known = self.report.promises.setdefault((line["public_key"], size), line)
        if known["root"] != line["root"]:
            return self.report.add("forked", f"同一密钥为前 {size} 条记录签发了两个不同的根", size)
        expected = proof.checkpoint_hash(self.previous).hex() if self.previous else proof.ZERO.hex()
        if line["previous"] != expected and (self.previous is not None or self.report.first == 1):
            self.report.add("missing_checkpoint", f"位于 {size} 的检查点之前缺少检查点", size)
        self.previous = line
        if size > self.last:
            self.waiting.setdefault(size, []).append(line)
        elif size == self.last:
            self._compare(line)
        else:
            self.report.add("reordered", f"位于 {size} 的检查点排在第 {self.last} 条记录之后", size)
        return None

    def _end(self, line: dict[str, Any]) -> None:
        self.ended = True
        if count(line["entries"]) != self.report.entries:
            self.report.add("incomplete", f"结尾声明 {line['entries']} 条记录，实有 {self.report.entries} 条")

    # --- checks -------------------------------------------------------------------------------------------------------

    def _compare(self, checkpoint: dict[str, Any], *, witness: bool = False) -> None:
        """Compare the derived root with a signed one; the trees stand at the checkpoint's size."""
        size = checkpoint["size"]
        if not self.sound:
            return
        tree = self.trees.get(checkpoint["algorithm"])
        if tree is None or tree.size != size:
            self.report.add("malformed", f"缺少位于 {self.report.first - 1} 的树边界，无法推算 {size} 处的根", size)
            return
        head = (self.head or b"").hex()
        if (tree.root().hex(), head) != (checkpoint["root"], checkpoint["head"]):
            if witness:
                self.disputed[size] = tree.root().hex()
            else:
                self.report.add("rechained", f"前 {size} 条记录推算出的根与签名检查点不符", size)
        else:
            self.report.signed_size = max(self.report.signed_size, size)
            self.report.signed_at = max(self.report.signed_at, checkpoint["at"])

    def close(self) -> Report:
        """Settle what only the end of the file can tell."""
        report = self.report
        if self.header is None:
            report.add("malformed", "文件为空，或不是痕迹导出文件")
            return report
        self._settle_readable()
        if not self.ended:
            report.add("incomplete", "没有结尾行，文件可能未传完或被截去")
        for lo, hi in sorted(self.gaps):
            which = f"第 {lo} 条" if lo == hi else f"第 {lo} 至 {hi} 条"
            report.add("missing_entry", f"{which}记录缺失", lo)
        self._settle_loose()
        self._settle_disputed()
        promised = [(size, "检查点") for size, lines in self.waiting.items() if lines]
        promised += [(size, "见证方保存的检查点") for size in self.witnessed if size > self.last]
        if promised:
            size, by = max(promised)
            report.add("truncated", f"{by}承诺 {size} 条记录，文件只到第 {self.last} 条", self.last)
        for size in self.witnessed:
            if size < report.first and self.header["first"] > 1:
                which = f"文件从第 {report.first} 条开始，见证检查点位于 {size}"
                report.add("witness_not_covered", f"{which}，请导出全部记录后核对", size)
        if self.last > report.signed_size and report.ok:
            report.add("unsigned_tail", f"第 {max(report.signed_size + 1, report.first)} 条以后没有签名检查点覆盖")
        if not report.entries and report.ok:
            report.add("incomplete", "没有任何记录，无从核验")
        if self.erased:
            report.notices.append(f"{self.erased} 处明细不在文件中（已依规销毁）；其摘要仍在链中，不影响核验。")
        keys = {key for key, _ in report.promises}
        if not self.trusted and len(keys) > 1:
            report.notices.append(f"检查点由 {len(keys)} 个不同的密钥签发，请以 --key 指定受信任的公钥核实。")
        if not self.trusted:
            report.notices.append(
                "未指定受信任的公钥（--key）或见证检查点（--checkpoint）：以文件自带的公钥核验，只能证明文件自身一致。"
            )
        return report

    def _settle_disputed(self) -> None:
        """Tell a second history with a valid signature from one without."""
        for size, root in self.disputed.items():
            if any(at == size and line["root"] == root for (_, at), line in self.report.promises.items()):
                self.report.add("forked", f"前 {size} 条记录的根与见证方保存的不同，而两者都有签名", size)
            else:
                self.report.add("rechained", f"前 {size} 条记录推算出的根与见证方保存的检查点不符", size)

    def _settle_loose(self) -> None:
        """Tell a swap of two entries' contents from a rewriting."""
        rewritten = {fault.seq for fault in self.report.faults if fault.code == "rewritten"}
        for seq, algorithm, prev, _, link in self.loose:
            swapped = any(
                proof.link_hash(algorithm, seq, prev, other) == link for at, _, _, other, _ in self.loose if at != seq
            )
            if swapped:
                self.report.add("reordered", f"第 {seq} 条记录的内容与另一条对调", seq)
            elif seq not in rewritten:
                self.report.add("rewritten", f"第 {seq} 条记录的摘要与链上的哈希不符", seq)


def verify_lines(
    lines: Iterable[str],
    *,
    name: str = "-",
    trusted: set[bytes] | None = None,
    witnessed: Sequence[dict[str, Any]] = (),
    keep: bool = False,
) -> Report:
    """Verify one exported file given by its lines.

    ``trusted`` are public keys (32 bytes) known from elsewhere; ``witnessed`` checkpoints kept by a witness, already
    checked by ``witness.witnesses``. Faults are in the report; nothing is raised for bad input.
    """
    check = FileCheck(name, trusted or set(), witnessed, keep=keep)
    for number, text in enumerate(lines, 1):
        if len(check.report.faults) >= MAX_FAULTS:
            break
        if text.strip():
            check.feed(number, text)
    return check.close()
