"""``zhiguan metrics list|get``: the metrics of the catalogue on the command line."""
# ruff: noqa: T201 -- this is a command: printing is its work

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from zhiguan.kit.starting import set_up


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name.strip():
        raise argparse.ArgumentTypeError("应为“维度=值”，例如 organ=310000001")
    return name.strip(), value


def _parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="zhiguan metrics", description="指标：目录与取值")
    commands = whole.add_subparsers(dest="command", metavar="操作", required=True)
    listing = commands.add_parser("list", help="列出指标")
    getting = commands.add_parser("get", help="取一个指标的值")
    getting.add_argument("name", metavar="NAME", help="指标代码")
    getting.add_argument(
        "--dim", type=_pair, action="append", default=[], metavar="K=V",
        help="按维度筛选，可多次使用；另可用 start= 和 end= 指定起止日期（均含当日）",
    )  # fmt: skip
    getting.add_argument("--by", default="", metavar="DIM", help="按该维度分组")
    for parser in (listing, getting):
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")
        parser.add_argument(
            "--as", dest="username", default="", metavar="USERNAME", help="按该账号的权限（默认为系统）"
        )
    return whole


def _actor(username: str) -> Any:
    """Return the system, or the named account with the permissions of its grants; raises NotFound."""
    from django.contrib.auth import get_user_model

    from zhiguan.kernel.identity.service import actor_for
    from zhiguan.kit.actor import system
    from zhiguan.kit.errors import NotFound

    job = system("metrics.command")
    if not username:
        return job
    with job.transaction():
        account = get_user_model().objects.filter(username=username, is_active=True).first()
        if account is None:
            raise NotFound(f"没有名为“{username[:60]}”的可用账号。", code="account_not_found")
        return actor_for(account, via="command")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 with the reason on standard error when refused; usage errors exit with 2."""
    args = _parser().parse_args(argv)
    set_up()
    from zhiguan.kit.errors import Refusal

    try:
        actor = _actor(args.username)
        return _list(actor, args.json) if args.command == "list" else _get(actor, args)
    except Refusal as refusal:
        problem = {"error": refusal.code, "message": refusal.message}
        print(json.dumps(problem, ensure_ascii=False) if args.json else refusal.message, file=sys.stderr)
        return 1


def _list(actor: Any, as_json: bool) -> int:
    from . import service

    for metric in service.catalogue(actor):
        unit = f"（{metric.unit}）" if metric.unit else ""
        line = {
            "code": metric.code, "name": metric.name, "unit": metric.unit, "formula": metric.formula,
            "dimensions": list(metric.dimensions), "direction": metric.direction, "source": metric.source,
            "clause": metric.clause, "responsible": metric.responsible,
        }  # fmt: skip
        print(json.dumps(line, ensure_ascii=False) if as_json else f"{metric.code}\t{metric.name}{unit}")
    return 0


def _get(actor: Any, args: argparse.Namespace) -> int:
    from . import service

    dims = dict(args.dim)
    if {"code", "actor", "group_by"} & set(dims):
        from zhiguan.kit.errors import Invalid

        raise Invalid("code、actor、group_by 不是维度。", code="unknown_dimension")
    reading = service.read(args.name, actor, **dims)
    groups = service.series(args.name, actor, args.by, **dims) if args.by else None
    if not args.json:
        print(f"{reading.metric.name}：{reading.text}")
        for group in groups or []:
            print(f"  {group.label}\t{service.text(reading.metric, group.value)}")
        return 0
    answer: dict[str, Any] = {
        "code": reading.metric.code, "name": reading.metric.name, "value": _plain(reading.value),
        "unit": reading.metric.unit, "dims": dims, "rows": reading.url,
    }  # fmt: skip
    if groups is not None:
        answer["by"] = args.by
        answer["groups"] = [
            {"key": group.key, "label": group.label, "value": _plain(group.value), "rows": group.url}
            for group in groups
        ]
    print(json.dumps(answer, ensure_ascii=False))
    return 0
