"""``zhiguan simulate``: a fleet that reports, with misuse of which the truth is known when asked for, and its score."""
# ruff: noqa: T201 -- this is a command: printing is its work

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from zhiguan.kit.starting import set_up

from . import simulator, truth

SHANGHAI = ZoneInfo("Asia/Shanghai")
CARS = 60
CARD_S = 20 * 3600.0
"""A card's moment so long ago is not believed by the platform (it is the arrival's then)."""


def parser() -> argparse.ArgumentParser:
    """The command line of ``zhiguan simulate``."""
    whole = argparse.ArgumentParser(prog="zhiguan simulate", description="模拟数据（演示与压力测试用）")
    objects = whole.add_subparsers(metavar="对象", required=True)
    fleet = objects.add_parser("fleet", help="模拟车队（JT/T 808）")
    simulator.add_options(fleet)
    with_truth = fleet.add_argument_group("注入违规并记录真值（只用于演示数据）")
    with_truth.add_argument(
        "--truth", type=Path, metavar="FILE", help="新建模拟车队、注入各类违规，真值写入文件（JSON Lines）"
    )
    with_truth.add_argument("--from", dest="start", type=date.fromisoformat, metavar="DATE",
                            help="起始日期（默认：直接写入时为上月 1 日，经网络上报时为今天）")  # fmt: skip
    with_truth.add_argument("--days", type=int, metavar="N", help="天数（默认：直接写入时到该月末，经网络上报时 1 天）")
    with_truth.add_argument(
        "--direct", action="store_true", help="不经网络，按同样的报文直接解码入库，比实际时间快得多"
    )
    with_truth.add_argument(
        "--compute", action="store_true", help="直接写入后逐日计算行程并运行全部规则（未运行后台任务时使用）"
    )
    with_truth.add_argument("--calm", action="store_true", help="不加定位漂移、丢报、重复、时钟错误等干扰")
    fleet.set_defaults(run=_fleet)
    score = objects.add_parser("score", help="将规则发现的问题与真值比对，逐条规则输出查准率和查全率")
    score.add_argument("--truth", type=Path, metavar="FILE", required=True, help="simulate fleet --truth 写出的文件")
    score.add_argument("--show", action="store_true", help="同时列出漏报和误报")
    score.set_defaults(run=_score)
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run one of them; returns the exit code."""
    args = parser().parse_args(sys.argv[1:] if words is None else words)
    return args.run(args)


def _score(args: argparse.Namespace) -> int:
    set_up()
    from ..rules import RULES

    try:
        told = truth.read(args.truth)
    except truth.NoTruth as error:
        print(error, file=sys.stderr)
        return 1
    found = truth.found_in_database(told)
    for one in truth.score(told, found, [rule.code.removeprefix(truth.PREFIX) for rule in RULES]):
        print(json.dumps(one.line(), ensure_ascii=False))
    if args.show:
        for line in truth.differences(told, found):
            print(json.dumps(line, ensure_ascii=False))
    return 0


def _fleet(args: argparse.Namespace) -> int:
    if args.truth is None:
        if args.direct or args.start or args.days or args.compute or args.calm:
            print("--direct、--from、--days、--compute、--calm 须与 --truth 同时使用。", file=sys.stderr)
            return 2
        return simulator.drive_on(args)
    if args.terminals or (args.days is not None and args.days < 1) or args.speed <= 0 or (args.vehicles or 1) < 1:
        print("--truth 自建车队，不能与 --terminals 同时使用；车辆数、天数和倍速应大于 0。", file=sys.stderr)
        return 2
    set_up()
    from . import simulation, stage

    start, days = _days(args)
    if start + timedelta(days=days) > datetime.now(SHANGHAI).date() + timedelta(days=0 if args.direct else 1):
        print("模拟的日期不能在今天之后；直接写入只能用于已经过去的日期。", file=sys.stderr)
        return 2
    cars = args.vehicles or (simulator.SMALL if args.small else CARS)
    try:
        played = simulation.play(args.seed, cars, start, days)
    except stage.NotHere as error:
        print(error, file=sys.stderr)
        return 1
    if not args.direct:
        played = simulation.as_heard_live(played, time.time() - CARD_S)
    simulation.tell(played, args.truth)
    print(
        json.dumps({"vehicles": cars, "from": start.isoformat(), "days": days, "truths": len(played.told.truths)}),
        flush=True,
    )
    return _directly(args, played) if args.direct else _over_network(args, played)


def _days(args: argparse.Namespace) -> tuple[date, int]:
    today = datetime.now(SHANGHAI).date()
    if not args.direct:
        return args.start or today, args.days or 1
    start = args.start or (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return start, args.days or ((start.replace(day=1) + timedelta(days=32)).replace(day=1) - start).days


def _directly(args: argparse.Namespace, played) -> int:  # type: ignore[no-untyped-def]
    from django.conf import settings

    from . import simulation

    def each_day(day: date, done: object) -> None:
        if args.compute:
            simulation.compute(day)
        print(json.dumps({"day": day.isoformat(), **vars(done)}), flush=True)

    simulation.deliver(
        played,
        settings.DATABASE_INGEST_URL,
        amount=simulation.calm if args.calm else simulation.usual,
        each_day=each_day,
    )
    if args.compute:
        simulation.judge_months(played.told.end)
    return 0


def _over_network(args: argparse.Namespace, played) -> int:  # type: ignore[no-untyped-def]
    from . import simulation
    from .device import Counts
    from .motion import Clock

    async def run() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        counts = Counts()
        midnight = datetime.combine(played.told.start, datetime.min.time(), SHANGHAI).timestamp()
        lines = simulation.lines(
            played, host=args.host, port=args.port, clock=Clock(args.speed, midnight), counts=counts,
            gate=asyncio.Semaphore(simulator.CONNECTING), amount=simulation.calm if args.calm else simulation.usual,
        )  # fmt: skip

        async def status() -> None:
            while True:
                await asyncio.sleep(simulator.STATUS_S)
                online = sum(line.device.accepted for line in lines)
                print(json.dumps({"vehicles": len(lines), "online": online, **vars(counts)}), flush=True)

        telling = asyncio.create_task(status())
        await simulation.report(lines, stopping)
        telling.cancel()
        print(json.dumps({"stopped": True, **vars(counts)}), flush=True)

    simulator.more_files()
    asyncio.run(run())
    return 0
