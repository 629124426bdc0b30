"""What outsiders hold against the file: checkpoints a witness kept, and other copies of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import proof
from .verify import Fault, Report, count, digest_bytes, parse


def witnesses(lines: Iterable[str], trusted: set[bytes]) -> tuple[list[dict[str, Any]], set[bytes], list[Fault]]:
    """Return (checkpoints, their public keys, faults) of a witness's file: one checkpoint per line.

    A witness kept the file, so its keys count as trusted unless ``trusted`` names others.
    """
    found: list[dict[str, Any]] = []
    keys: set[bytes] = set()
    faults: list[Fault] = []
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = parse(text)
            if line["kind"] != "checkpoint":
                raise proof.Malformed("not a checkpoint")
            key = digest_bytes(line["public_key"])
            count(line["size"])
            proof.checkpoint_bytes(line)
        except proof.Malformed as error:
            faults.append(Fault("malformed", f"见证检查点第 {number} 行：{error}"))
            continue
        if not proof.signed(line):
            faults.append(Fault("forged_checkpoint", f"见证检查点第 {number} 行签名无效", line["size"]))
        elif trusted and key not in trusted:
            by = proof.key_id(key)
            faults.append(Fault("unknown_key", f"见证检查点第 {number} 行由密钥 {by} 签发", line["size"]))
        else:
            for other in found:
                if (other["public_key"], other["size"]) == (line["public_key"], line["size"]) and (
                    other["root"] != line["root"]
                ):
                    faults.append(Fault("forked", f"见证检查点中同一位置 {line['size']} 有两个不同的根", line["size"]))
            found.append(line)
            keys.add(key)
    if not found and not faults:
        faults.append(Fault("malformed", "见证检查点文件为空"))
    return found, keys, faults


def forks(reports: Sequence[Report]) -> list[Fault]:
    """Compare files with each other: two histories of one log are a fork, whichever is true."""
    faults: list[Fault] = []
    promises: dict[tuple[str, int], tuple[dict[str, Any], str]] = {}
    for report in reports:
        for key, line in report.promises.items():
            known, name = promises.setdefault(key, (line, report.name))
            if known["root"] != line["root"]:
                faults.append(Fault("forked", f"{name} 与 {report.name} 对前 {key[1]} 条记录的根不同", key[1]))
    for index, one in enumerate(reports):
        for other in reports[index + 1 :]:
            lo = max(one.first, other.first)
            hi = min(report.first + len(report.hashes) // 32 for report in (one, other))
            parts = [report.hashes[(lo - report.first) * 32 : (hi - report.first) * 32] for report in (one, other)]
            if lo < hi and one.ok and other.ok and parts[0] != parts[1]:
                at = next(seq for seq in range(hi - lo) if parts[0][seq * 32 :][:32] != parts[1][seq * 32 :][:32])
                faults.append(Fault("forked", f"{one.name} 与 {other.name} 从第 {lo + at} 条起不同", lo + at))
    return faults
