"""`zhiguan doctor`: looks at everything that can be wrong on this installation and says what to do about it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from zhiguan.site.runtime.paths import var_dir

__all__ = ["GREEN", "RED", "YELLOW", "Check", "doctor", "examine"]

GREEN, YELLOW, RED = "green", "yellow", "red"
SIGNS = {GREEN: "✔ 正常", YELLOW: "⚠ 注意", RED: "✘ 异常"}


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, how it stands, what was seen, what to do (empty when nothing)."""

    name: str
    status: str
    says: str
    todo: str = ""


def examine() -> list[Check]:
    """Run every examination; one that breaks down is itself a red finding."""
    from zhiguan.site.runtime import doctor_checks

    found: list[Check] = []
    for title, examination in doctor_checks.examinations(var_dir()):
        found += _guarded(title, examination)
    return found


def _guarded(title: str, examination: Callable[[], list[Check]]) -> list[Check]:
    try:
        return examination()
    except Exception as error:
        return [Check(title, RED, f"无法检查:{type(error).__name__}:{error}", "请先处理其他异常项,再重新体检。")]


def realign() -> dict[str, int]:
    """Give every row the position of its unit, and say so in the log; return how many changed, by table."""
    from zhiguan.site.runtime.framework import set_up

    set_up()
    from zhiguan.kernel.orgs import service as orgs
    from zhiguan.kernel.trace import service as trace
    from zhiguan.kernel.trace.declare import Subject
    from zhiguan.kit.actor import system

    with system("site.doctor").transaction() as actor:
        changed = orgs.realign()
        if changed:
            trace.record(actor, "site.rows.realign", Subject("site.rows", "", "数据权限位置"), after=changed)
    return changed


def doctor(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 when any is red. With ``--realign`` rows are put in their places first."""
    if args.realign:
        changed = realign()
        for table, count in sorted(changed.items()):
            print(f"已归位  {table} {count} 条", file=sys.stderr)
    found = examine()
    if args.json:
        json.dump([asdict(check) for check in found], sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        for check in found:
            print(f"{SIGNS[check.status]}  {check.name}:{check.says}")
            if check.todo:
                print(f"          处理办法:{check.todo}")
        worst = [sum(check.status == status for check in found) for status in (RED, YELLOW)]
        print(f"\n共 {len(found)} 项,异常 {worst[0]} 项,注意 {worst[1]} 项。")
    return 1 if any(check.status == RED for check in found) else 0
