"""The command line as scripts use it: real processes, real pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zhiguan as zhiguan_package
from zhiguan.site.cli import main

HEARTBEAT = "7e000200000123456789010001" + "8c" + "7e"


def zhiguan(*words: str, stdin: str = "", var: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing of the tests' own settings about it: as from a fresh shell."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "DJANGO_", "ZHIGUAN_"))}
    return subprocess.run(
        [sys.executable, "-m", "zhiguan.site.cli", *words], input=stdin, capture_output=True, text=True, timeout=60,
        env=environment | ({"ZHIGUAN_VAR": str(var)} if var else {}),
    )  # fmt: skip


def test_decode_reads_standard_input_and_files(tmp_path: Path) -> None:
    line = json.dumps({"id": "一", "hex": HEARTBEAT}) + "\n"
    piped = zhiguan("jt808", "decode", "-", stdin=line)
    source = tmp_path / "frames.jsonl"
    source.write_text(line, encoding="utf-8")
    from_file = zhiguan("jt808", "decode", str(source))
    assert piped.returncode == from_file.returncode == 0
    assert piped.stdout == from_file.stdout
    record = json.loads(piped.stdout)
    assert (record["id"], record["msg_id"], record["phone"]) == ("一", "0002", "012345678901")


def test_wrong_input_is_an_answer_not_a_failure() -> None:
    done = zhiguan("jt808", "decode", stdin='nonsense\n{"id": "x", "hex": "zz"}\n')
    assert done.returncode == 0
    assert [json.loads(line)["ok"] for line in done.stdout.splitlines()] == [False, False]


def test_a_missing_file_is_named() -> None:
    done = zhiguan("jt808", "split", "/nowhere/frames.jsonl")
    assert done.returncode == 2
    assert "无法打开 /nowhere/frames.jsonl" in done.stderr


def test_a_reader_that_leaves_early_causes_no_noise(tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text((json.dumps({"id": "a", "hex": HEARTBEAT}) + "\n") * 5000)
    done = subprocess.run(
        f"{sys.executable} -m zhiguan.site.cli jt808 decode {many} | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["id"] == "a"
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["jt808", "decode"], ["jt808", "split"], ["trips"], ["clock"]])
def test_filters_answer_in_a_fresh_shell(words: list[str]) -> None:
    done = zhiguan(*words, stdin="{}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()], "each line gets an answer"


@pytest.mark.parametrize("words", [["jt808", "decode"], ["trips"]])
def test_filters_of_many_lines_load_neither_django_nor_the_database(words: list[str]) -> None:
    code = (
        f"import sys; from zhiguan.site.cli import main; main([*{words}, '/dev/null']);"
        "print([name for name in ('django.apps', 'psycopg', 'granian') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shipped_processes_are_valid_with_the_tables_beside_them() -> None:
    files = sorted(map(str, Path(zhiguan_package.__file__).parent.glob("lines/*/flows/*.bpmn")))
    done = zhiguan("flow", "validate", *files)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["file"] for each in told if each["ok"]] == files and len(files) == 8


def test_without_a_server_a_command_says_what_to_do(tmp_path: Path) -> None:
    done = zhiguan("trace", "export", var=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("无法连接数据库。请先启动智管")


@pytest.mark.parametrize("words", [["up", "--port", "0"], ["up", "--port", "70000"], ["nothing"], []])
def test_wrong_use_is_refused_with_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage: zhiguan" in capsys.readouterr().err


def test_every_command_line_names_a_function_that_exists() -> None:
    import argparse
    import importlib

    from zhiguan.site.cli import DELEGATES, parser

    def targets(node: argparse.ArgumentParser) -> list[str]:
        found = [value for name in ("target", "filter") if isinstance(value := node.get_default(name), str)]
        for action in node._actions:
            if isinstance(action, argparse._SubParsersAction):
                for child in action.choices.values():
                    found += targets(child)
        return found

    named = [*targets(parser()), *(target for target, _ in DELEGATES.values())]
    assert len(named) > 10
    for target in named:
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function)), target


def test_database_commands_start_use_copy_and_stop(place: Path) -> None:
    var, copy = place / "var", place / "copy.dump"
    try:
        assert zhiguan("db", "status", var=var).returncode == 3
        assert "已启动" in zhiguan("db", "start", var=var).stdout
        assert zhiguan("db", "status", var=var).returncode == 0
        make = "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)"
        assert zhiguan("db", "psql", "--role", "owner", "--", "-c", make, var=var).returncode == 0
        assert zhiguan("db", "dump", str(copy), var=var).returncode == 0
        assert copy.stat().st_mode & 0o077 == 0
        zhiguan("db", "psql", "--role", "owner", "--", "-c", "UPDATE kept SET n = 2", var=var)
        assert zhiguan("db", "restore", str(copy), var=var).returncode == 0
        count = zhiguan("db", "psql", "--role", "owner", "--", "-Atc", "SELECT n FROM kept", var=var)
        assert count.stdout.strip() == "1"
        copy.write_bytes(copy.read_bytes()[:500])
        broken = zhiguan("db", "restore", str(copy), var=var)
        assert broken.returncode == 1
        assert "数据库保持原样" in broken.stderr
        assert zhiguan("db", "psql", "--role", "owner", "--", "-Atc", "SELECT n FROM kept", var=var).stdout == "1\n"
    finally:
        assert zhiguan("db", "stop", var=var).returncode == 0
    assert zhiguan("db", "status", var=var).returncode == 3
