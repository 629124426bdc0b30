"""The command `zhiguan`. Nothing heavy is imported until the chosen command needs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO, cast

__all__ = ["main"]

RUNTIME = "zhiguan.site.runtime"
MANAGEMENT = {
    "migrate": (["migrate_all"], "更新数据库结构和行级安全"),
    "manage": ([], "Django 管理命令"),
}
"""Commands that are another name for one of Django's; everything after them is handed on."""
DELEGATES = {
    "trace": ("zhiguan.kernel.trace.cli:main", "痕迹管理:导出与离线核验"),
    "metrics": ("zhiguan.kernel.metrics.cli:main", "指标:目录与取值"),
    "gateway": ("zhiguan.kernel.telemetry.gateway.server:main", "只运行终端接入网关(JT/T 808)"),
    "simulate": ("zhiguan.lines.vehicles.demo.command:main", "模拟车队与规则评分(演示与压力测试)"),
}
"""Commands with a command line of their own: a function of the words after the command that returns the exit code."""
WEB_PORT, LIVE_PORT, GATEWAY_PORT = 8000, 8001, 8808


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError("端口号应在 1 到 65535 之间")
    return number


def _function(target: str) -> Callable[..., int]:
    """The function that `module:name` names."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def _lines_in_out(target: str, args: argparse.Namespace) -> int:
    """Run a filter `function(infile, outfile)` over FILE (or standard input for `-`) to standard output."""
    function = _function(target)
    with ExitStack() as stack:
        if args.file == "-":
            cast("object", sys.stdin).reconfigure(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
            source: IO[str] = sys.stdin
        else:
            try:
                source = stack.enter_context(open(args.file, encoding="utf-8", errors="replace"))
            except OSError as error:
                print(f"无法打开 {args.file}:{error.strerror}", file=sys.stderr)
                return 2
        function(source, sys.stdout)
        sys.stdout.flush()
    return 0


def _filter(commands: argparse._SubParsersAction, name: str, target: str, help_text: str) -> None:
    parser = commands.add_parser(name, help=help_text)
    parser.add_argument("file", nargs="?", default="-", metavar="FILE|-", help="输入文件,- 为标准输入(默认)")
    parser.set_defaults(filter=target)


def _command(commands: argparse._SubParsersAction, name: str, target: str, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text)
    parser.set_defaults(target=target)
    return parser


def _group(commands: argparse._SubParsersAction, name: str, help_text: str) -> argparse._SubParsersAction:
    return commands.add_parser(name, help=help_text).add_subparsers(metavar="操作", required=True)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(prog="zhiguan", description="智管:机关事务数字化平台")
    commands = whole.add_subparsers(metavar="命令", required=True)

    up = _command(commands, "up", f"{RUNTIME}.supervisor:up", "启动全部服务(前台运行,Ctrl-C 停止)")
    up.add_argument("--bind", default="127.0.0.1", help="网页监听地址(默认仅本机)")
    up.add_argument("--port", type=_port, default=WEB_PORT, help="网页端口(默认 %(default)s)")
    up.add_argument("--live-port", type=_port, default=LIVE_PORT, help="实时推送端口(默认 %(default)s)")
    up.add_argument("--gateway-bind", default="127.0.0.1", help="终端接入监听地址(默认仅本机)")
    up.add_argument("--gateway-port", type=_port, default=GATEWAY_PORT, help="终端接入端口(默认 %(default)s)")
    up.add_argument("--workers", type=int, default=1, help="网页进程数(默认 %(default)s)")
    up.add_argument("--no-demo", dest="demo", action="store_false", help="不生成演示城市,不启动演示车队")
    up.add_argument("--verbose", action="store_true", help="同时在终端显示各进程的日志")

    database = _group(commands, "db", "内置数据库")
    _command(database, "start", f"{RUNTIME}.database:start", "启动并保持运行")
    _command(database, "stop", f"{RUNTIME}.database:stop", "停止")
    _command(database, "status", f"{RUNTIME}.database:status", "是否在运行")
    psql = _command(database, "psql", f"{RUNTIME}.database:psql", "打开命令行客户端")
    psql.add_argument("--role", choices=["app", "owner", "ingest", "superuser"], default="app", help="使用的账号")
    psql.add_argument("args", nargs="*", help="交给 psql 的参数,写在 -- 之后")
    for name, help_text in (("dump", "备份到文件"), ("restore", "从备份恢复")):
        _command(database, name, f"{RUNTIME}.database:{name}", help_text).add_argument("file", metavar="FILE")

    for name, (_, help_text) in (MANAGEMENT | DELEGATES).items():
        commands.add_parser(name, help=help_text, add_help=False)
    web = _command(commands, "web", f"{RUNTIME}.servers:web", "只运行网页与接口")
    web.add_argument("--workers", type=int, default=1, help="进程数(默认 %(default)s)")
    live = _command(commands, "live", f"{RUNTIME}.servers:live", "只运行实时推送")
    for server, port in ((web, WEB_PORT), (live, LIVE_PORT)):
        server.add_argument("--bind", default="127.0.0.1", help="监听地址(默认仅本机)")
        server.add_argument("--port", type=_port, default=port, help="端口(默认 %(default)s)")
    worker = _command(commands, "worker", f"{RUNTIME}.worker:run", "只运行后台任务")
    worker.add_argument("--concurrency", type=int, default=2, help="同时执行的任务数(默认 %(default)s)")
    doctor = _command(commands, "doctor", f"{RUNTIME}.doctor:doctor", "体检:进程、数据库、磁盘、队列、配置")
    doctor.add_argument("--json", action="store_true", help="以 JSON 输出")
    doctor.add_argument("--realign", action="store_true", help="先把位置与所属机构不符的记录归位")
    _command(commands, "frontend", f"{RUNTIME}.frontend:command", "构建前端页面(已是最新则跳过)")

    jt808 = _group(commands, "jt808", "JT/T 808 报文工具(JSON Lines)")
    _filter(jt808, "decode", "zhiguan.kernel.telemetry.jt808.cli:decode_lines", "解码报文")
    _filter(jt808, "split", "zhiguan.kernel.telemetry.jt808.cli:split_lines", "从字节流切分报文")
    _command(commands, "openapi", f"{RUNTIME}.exports:openapi", "开放接口的 OpenAPI 文档(JSON)")
    permissions = _group(commands, "permissions", "权限矩阵")
    _command(permissions, "export", f"{RUNTIME}.exports:permissions", "导出给审计人员(JSON Lines)")
    _filter(commands, "clock", "zhiguan.kernel.flow.cli:clock_lines", "由事件、日历和时限规则计算时限(JSON Lines)")
    flow = _group(commands, "flow", "流程文件(BPMN)")
    validate = _command(flow, "validate", "zhiguan.kernel.flow.cli:validate", "检查流程文件能否使用(JSON Lines)")
    validate.add_argument("files", nargs="+", metavar="FILE", help="BPMN 文件")
    play = _command(flow, "run", "zhiguan.kernel.flow.cli:play", "按脚本走一遍流程并输出每一步的状态(JSON Lines)")
    play.add_argument("file", metavar="FILE", help="BPMN 文件")
    play.add_argument("--script", required=True, metavar="STEPS.json", help="上下文和依次办理的步骤")
    for command in (validate, play):
        command.add_argument("--table", action="append", default=[], metavar="DMN", help="流程引用的决策表,文件名即表名")
    dmn = _group(commands, "dmn", "决策表(DMN)")
    for name, target, help_text in (
        ("eval", "evaluate", "由输入求决策(JSON Lines,标准输入到标准输出)"),
        ("lint", "check", "检查决策表:重叠、缺漏、不会命中的规则(JSON Lines)"),
    ):
        command = _command(dmn, name, f"zhiguan.kernel.decisions.dmn.cli:{target}", help_text)
        command.add_argument("file", metavar="FILE", help="DMN 文件")
        command.add_argument("--import", dest="imports", action="append", default=[], metavar="FILE", help="它引用的文件")
        if name == "eval":
            command.add_argument("--decision", required=True, metavar="D", help="决策的名称或编号")
            command.add_argument("--lenient", action="store_true", help="按标准把缺失和不符的值当作空值,不拒绝")
    _filter(
        commands, "trips", "zhiguan.lines.vehicles.domain.trip_lines:trips_lines", "由定位点计算行程和停留(JSON Lines)"
    )
    return whole


def _run(words: list[str]) -> int:
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in MANAGEMENT:
        from zhiguan.site.runtime.framework import manage

        return manage([*MANAGEMENT[name][0], *rest])
    if name in DELEGATES:
        return _function(DELEGATES[name][0])(rest)
    args = parser().parse_args(words)
    if hasattr(args, "filter"):
        return _lines_in_out(args.filter, args)
    return _function(args.target)(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    from zhiguan.site.runtime.paths import var_dir

    os.environ["ZHIGUAN_VAR"] = str(var_dir())
    cast("object", sys.stdout).reconfigure(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # Named, not imported: importing their modules would load the database client for every command.
        name, said = type(error).__name__, str(error)
        if name in {"PostgresError", "FrontendError"}:
            print(said, file=sys.stderr)
        elif name == "OperationalError" and "connection" in said and "failed" in said:
            print("无法连接数据库。请先启动智管(zhiguan up),或用 DATABASE_URL 指定数据库。", file=sys.stderr)
        else:
            raise
        return 1


if __name__ == "__main__":
    sys.exit(main())
