"""``zhiguan trace``: export, verify, checkpoint, key. Verification imports neither Django nor a database."""
# ruff: noqa: T201 -- this is a command: printing is its work

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from zhiguan.kit.starting import set_up

from . import proof
from .verify import FAULTS, Fault, Report, verify_lines
from .witness import forks, witnesses

__all__ = ["export", "main", "verify"]


def verify(
    files: Sequence[str], *, keys: Sequence[str] = (), checkpoints: Sequence[str] = (), out: IO[str] | None = None,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Verify exported files; ``-`` is standard input. Returns 0 when all is well, 1 with named faults, 2 when it could
    not run (a file or key cannot be read). ``keys`` and ``checkpoints`` are paths."""
    told: IO[str] = out or sys.stdout
    faults: list[Fault] = []
    witnessed: list[dict[str, Any]] = []
    try:
        trusted = {_public_key(path) for path in keys}
        kept_keys: set[bytes] = set()
        for path in checkpoints:
            with open(path, encoding="utf-8", errors="replace") as lines:
                found, by, wrong = witnesses(lines, trusted)
            witnessed += found
            kept_keys |= by
            faults += wrong
        trusted = trusted or kept_keys
        reports = []
        for path in files:
            source = nullcontext(sys.stdin) if path == "-" else open(path, encoding="utf-8", errors="replace")  # noqa: SIM115
            with source as lines:
                reports.append(
                    verify_lines(lines, name=path, trusted=trusted, witnessed=witnessed, keep=len(files) > 1)
                )
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        print(f"无法核验：{error}", file=sys.stderr)
        return 2
    across = faults + forks(reports)
    if as_json:
        _tell_json(told, reports, across)
    else:
        _tell(told, reports, across)
    return 1 if across or not all(report.ok for report in reports) else 0


def _tell(out: IO[str], reports: Sequence[Report], across: Sequence[Fault]) -> None:
    for report in reports:
        last = report.first + report.entries - 1
        covers = f"第 {report.first} 至 {last} 条记录、{report.checkpoints} 个检查点" if report.entries else "无记录"
        verdict = "核验通过" if report.ok and not across else "核验未通过"
        print(f"{report.name}：{verdict}（{covers}，签名截至 {report.signed_at or '无'}）", file=out)
        for fault in report.faults:
            print(f"  {fault}", file=out)
        for notice in report.notices:
            print(f"  提示：{notice}", file=out)
    for fault in across:
        print(f"  {fault}", file=out)


def _tell_json(out: IO[str], reports: Sequence[Report], across: Sequence[Fault]) -> None:
    def plain(fault: Fault) -> dict[str, Any]:
        return {"code": fault.code, "name": FAULTS[fault.code], "message": fault.message, "seq": fault.seq}

    for report in reports:
        line = {
            "file": report.name,
            "ok": report.ok and not across,
            "first": report.first,
            "entries": report.entries,
            "checkpoints": report.checkpoints,
            "signed_size": report.signed_size,
            "signed_at": report.signed_at,
            "faults": [plain(fault) for fault in (*report.faults, *across)],
            "notices": report.notices,
        }
        print(json.dumps(line, ensure_ascii=False), file=out)


def _public_key(path: str) -> bytes:
    """Return the key in a file: PEM, or 64 hexadecimal digits."""
    data = Path(path).read_bytes()
    if b"BEGIN" in data:
        key = load_pem_public_key(data)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"{path} 不是 Ed25519 公钥")
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    try:
        raw = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueError(f"{path} 不是公钥（应为 PEM 或 64 位十六进制）")
    return raw


# --- with the database ------------------------------------------------------------------------------------------------


def export(out: IO[str], *, since: int | datetime | None = None, details: bool = False) -> int:
    """Record that the log is taken, sign it, write it to ``out`` as JSON Lines; return the number of entries."""
    set_up()
    import getpass

    from zhiguan.kit.actor import Actor, system

    from .declare import Subject
    from .export import export as write
    from .service import checkpoint, record

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    actor = Actor(name="trace.export", via="command", system=True)
    with system("trace.export").transaction():
        label = (f"自 {since} 起" if since else "全部") + ("，含明细" if details else "")
        record(actor, "trace.log.export", Subject("trace.log", "", label), reason=user)
    checkpoint()
    return write(out, since=since, details=details)


def _since(text: str) -> int | datetime:
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("应为记录序号，或日期时间（如 2026-09-01T08:00+08:00）") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parser() -> argparse.ArgumentParser:
    """The command line of ``zhiguan trace``."""
    whole = argparse.ArgumentParser(prog="zhiguan trace", description="痕迹管理：导出与离线核验")
    commands = whole.add_subparsers(dest="command", metavar="操作", required=True)
    one = commands.add_parser("export", help="导出痕迹记录（JSON Lines，含检查点）")
    one.add_argument("--out", default="-", metavar="FILE", help="输出文件（默认标准输出）")
    one.add_argument("--since", type=_since, help="起始序号或时间（不写时区按 UTC）")
    one.add_argument("--details", action="store_true", help="连同可读明细（含个人信息，请按规定保管）")
    two = commands.add_parser("verify", help="离线核验导出文件")
    two.add_argument("files", nargs="+", metavar="FILE")
    two.add_argument("--key", action="append", default=[], metavar="PUB", help="受信任的公钥文件，可多次")
    two.add_argument("--checkpoint", action="append", default=[], metavar="FILE", help="见证方保存的检查点，可多次")
    two.add_argument("--json", action="store_true", help="以 JSON 输出")
    three = commands.add_parser("checkpoint", help="签发并输出最新检查点（供见证单位保存）")
    three.add_argument("--accept-new-key", action="store_true", help="确认签名密钥已更换")
    commands.add_parser("key", help="输出公钥（PEM）")
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``zhiguan trace ...``; returns the exit code: 0 well, 1 faults or a refusal, 2 wrong use."""
    args = parser().parse_args(argv)
    if args.command == "verify":
        return verify(args.files, keys=args.key, checkpoints=args.checkpoint, as_json=args.json)
    set_up()
    from zhiguan.kit.errors import Refusal

    try:
        if args.command == "export":
            return _export(args)
        if args.command == "key":
            from . import signing

            sys.stdout.write(signing.public_pem())
            return 0
        return _checkpoint(args.accept_new_key)
    except Refusal as refusal:
        print(refusal.message, file=sys.stderr)
        return 1


def _export(args: argparse.Namespace) -> int:
    if args.out == "-":
        export(sys.stdout, since=args.since, details=args.details)
        return 0
    try:
        with open(args.out, "x", encoding="utf-8") as out:
            written = export(out, since=args.since, details=args.details)
    except OSError as error:
        print(f"无法写入 {args.out}：{error.strerror}", file=sys.stderr)
        return 2
    print(f"已导出 {written} 条记录到 {args.out}", file=sys.stderr)
    return 0


def _checkpoint(accept_new_key: bool) -> int:
    from zhiguan.kit.actor import Actor, system

    from .models import Checkpoint
    from .service import checkpoint, record
    from .signing import private_key, public_bytes

    if accept_new_key:
        public = public_bytes(private_key())
        with system("trace.checkpoint").transaction():
            last = Checkpoint.objects.order_by("-size").first()
            if last is not None and bytes(last.public_key) != public:
                actor = Actor(name="trace.checkpoint", via="command", system=True)
                before, after = {"key": proof.key_id(bytes(last.public_key))}, {"key": proof.key_id(public)}
                record(actor, "trace.key.change", before=before, after=after)
    made = checkpoint(accept_new_key=accept_new_key)
    if made is None:
        print("还没有任何痕迹记录。", file=sys.stderr)
        return 1
    print(json.dumps({"kind": "checkpoint", **made.document}, ensure_ascii=False))
    return 0
