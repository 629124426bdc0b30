"""Each attack on a real exported log is found and named; an honest log passes. The attackers' tools are here too."""

import io
import json
import subprocess
import sys
from contextlib import suppress

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zhiguan.kernel.trace import cli, proof, service, signing
from zhiguan.kernel.trace.verify import FAULTS, verify_lines
from zhiguan.kernel.trace.witness import forks, witnesses

from .conftest import act, exported, latest, trusted


def load(lines):
    return [json.loads(line) for line in lines]


def dump(rows):
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def entry(rows, seq):
    return next(row for row in rows if row["kind"] == "entry" and row["seq"] == seq)


def codes(rows, **kwargs):
    """Verify and return the set of faults' codes; by default with the right key."""
    kwargs.setdefault("trusted", trusted())
    return verify_lines(dump(rows), **kwargs).codes()


def rechain(rows):
    """Compute every digest, link and root of the file anew, as whoever holds the whole database can."""
    head, tree, seq = proof.ZERO, proof.Tree("sha256"), 0
    for row in rows:
        if row["kind"] == "entry":
            seq += 1
            found = proof.entry_digest(row["entry"])
            row["seq"], row["prev"], row["digest"] = seq, head.hex(), found.hex()
            head = proof.link_hash("sha256", seq, head, found)
            row["hash"] = head.hex()
            tree.append(head)
        elif row["kind"] == "checkpoint":
            row["size"], row["root"], row["head"] = seq, tree.root().hex(), head.hex()
        elif row["kind"] == "end":
            row["entries"] = seq
    return rows


def resign(rows, key):
    """Sign every checkpoint of the file anew."""
    previous = proof.ZERO
    for row in rows:
        if row["kind"] == "checkpoint":
            row["public_key"], row["previous"] = signing.public_bytes(key).hex(), previous.hex()
            row["signature"] = key.sign(proof.checkpoint_bytes(row)).hex()
            previous = proof.checkpoint_hash(row)
    return rows


@pytest.fixture
def rows(log):
    return load(exported())


def test_an_honest_log_passes(rows):
    report = verify_lines(dump(rows), trusted=trusted(), witnessed=[latest()])
    assert (report.faults, report.notices) == ([], [])
    assert (report.entries, report.checkpoints, report.signed_size) == (17, 2, 17)


def test_without_a_known_key_it_says_how_little_is_proved(rows):
    report = verify_lines(dump(rows))
    assert report.ok
    assert "只能证明文件自身一致" in report.notices[0]


@pytest.mark.parametrize("since", [2, 5, 10, 11, 12, 17])
def test_a_part_is_verified_like_the_whole(log, since):
    part = load(exported(since=since))
    report = verify_lines(dump(part), trusted=trusted())
    assert (report.faults, report.entries) == ([], 18 - since)
    if since < 17:
        first = next(row for row in part if row["kind"] == "entry")
        part.remove(first)
        assert "missing_entry" in codes(part)
    part = load(exported(since=since))
    nodes = next(row for row in part if row["kind"] == "range")["nodes"]
    nodes[0] = "ab" * 32
    assert codes(part) == {"rechained"}


def test_deletion(rows):
    rows.remove(entry(rows, 7))
    report = verify_lines(dump(rows), trusted=trusted())
    assert [(fault.code, fault.seq) for fault in report.faults if fault.code == "missing_entry"] == [
        ("missing_entry", 7)
    ]


def test_deletion_with_the_rest_renumbered_and_relinked(rows):
    rows.remove(entry(rows, 7))
    assert codes(rechain(rows)) >= {"forged_checkpoint"}


def test_truncation_leaves_the_checkpoint_unfulfilled(rows):
    for seq in (16, 17):
        rows.remove(entry(rows, seq))
    rows[-1]["entries"] -= 2
    assert codes(rows) == {"truncated"}


def test_a_lying_export_that_stops_at_an_older_checkpoint(rows):
    """Everything in it is true and signed; only a witness knows that there was more."""
    lie = [row for row in rows if row["kind"] != "entry" or row["seq"] <= 10]
    lie = [row for row in lie if row["kind"] != "checkpoint" or row["size"] <= 10]
    lie[-1]["entries"] = 10
    assert codes(lie) == set()
    assert codes(lie, witnessed=[latest()]) == {"truncated"}


def test_a_file_cut_off_in_transfer(log):
    lines = exported()
    assert "incomplete" in verify_lines(lines[:-1], trusted=trusted()).codes()
    assert "incomplete" in verify_lines([*lines[:-2], lines[-2][:40]], trusted=trusted()).codes()
    assert verify_lines([]).codes() == {"malformed"}
    assert not verify_lines(lines[:1] + lines[-1:], trusted=trusted()).ok


def test_rewriting(rows):
    entry(rows, 5)["entry"]["account"] = 8
    assert codes(rows) == {"rewritten"}


def test_rewriting_with_its_digest(rows):
    row = entry(rows, 5)
    row["entry"]["account"] = 8
    row["digest"] = proof.entry_digest(row["entry"]).hex()
    assert codes(rows) == {"rewritten"}


def test_rewriting_with_its_link(rows):
    row = entry(rows, 5)
    row["entry"]["account"] = 8
    row["digest"] = proof.entry_digest(row["entry"]).hex()
    row["hash"] = proof.link_hash("sha256", 5, bytes.fromhex(row["prev"]), bytes.fromhex(row["digest"])).hex()
    assert codes(rows) == {"chain_broken", "rechained"}


def test_rechaining_with_the_old_checkpoints(rows):
    kept = [dict(row) for row in rows if row["kind"] == "checkpoint"]
    entry(rows, 5)["entry"]["account"] = 8
    rechain(rows)
    rows = [kept.pop(0) if row["kind"] == "checkpoint" else row for row in rows]
    assert codes(rows) == {"rechained"}


def test_rechaining_with_forged_checkpoints(rows):
    entry(rows, 5)["entry"]["account"] = 8
    assert codes(rechain(rows)) == {"forged_checkpoint"}


def test_rechaining_signed_with_a_key_of_the_attackers_own(rows):
    entry(rows, 5)["entry"]["account"] = 8
    key = Ed25519PrivateKey.generate()
    forged = resign(rechain(rows), key)
    forged[0]["public_key"] = signing.public_bytes(key).hex()
    assert codes(forged) == {"unknown_key"}


def test_the_keeper_of_the_key_lies_to_one_but_the_witness_remembers(rows):
    """Who holds the database and the key can make any history; not two of them without being found."""
    witness, honest = latest(), dump(rows)
    entry(rows, 5)["entry"]["account"] = 8
    lie = resign(rechain(rows), signing.private_key())
    assert codes(lie) == set()
    assert codes(lie, witnessed=[witness]) == {"forked"}
    reports = [verify_lines(lines, trusted=trusted(), keep=True) for lines in (honest, dump(lie))]
    assert {fault.code for fault in forks(reports)} == {"forked"}


def test_forks_without_a_common_checkpoint(log):
    """Two files of one log whose newest checkpoints lie at different sizes still share their first entries."""
    honest = exported()
    act()
    service.checkpoint()
    rows = load(exported())
    entry(rows, 12)["entry"]["account"] = 8
    rows = [row for row in rows if row["kind"] != "checkpoint" or row["size"] == 18]
    lie = resign(rechain(rows), signing.private_key())
    reports = [verify_lines(lines, trusted=trusted(), keep=True) for lines in (honest, dump(lie))]
    assert all(report.ok for report in reports)
    assert [(fault.code, fault.seq) for fault in forks(reports)] == [("forked", 12)]


def test_two_promises_in_one_file(rows):
    at = next(index for index, row in enumerate(rows) if row["kind"] == "checkpoint")
    other = {**rows[at], "root": "cd" * 32}
    other["signature"] = signing.private_key().sign(proof.checkpoint_bytes(other)).hex()
    rows.insert(at + 1, other)
    assert codes(rows) == {"forked"}


def test_reordered_lines(rows):
    one, two = rows.index(entry(rows, 5)), rows.index(entry(rows, 6))
    rows[one], rows[two] = rows[two], rows[one]
    assert "reordered" in codes(rows)
    assert "missing_entry" not in codes(rows)


def test_reordered_contents(rows):
    one, two = entry(rows, 5), entry(rows, 6)
    for name in ("entry", "digest"):
        one[name], two[name] = two[name], one[name]
    assert codes(rows) == {"reordered"}


def test_a_repeated_entry(rows):
    rows.insert(rows.index(entry(rows, 6)), dict(entry(rows, 5)))
    rows[-1]["entries"] += 1
    assert codes(rows) == {"duplicated"}


def test_an_inserted_entry(rows):
    forged = json.loads(json.dumps(entry(rows, 5)))
    forged["entry"]["reason_digest"] = None
    rows.insert(rows.index(entry(rows, 6)), forged)
    assert codes(rechain(rows)) == {"forged_checkpoint"}


def test_forged_checkpoint(rows):
    row = next(row for row in rows if row["kind"] == "checkpoint")
    row["at"] = "2020-01-01T00:00:00.000000Z"
    assert "forged_checkpoint" in codes(rows)


def test_a_removed_checkpoint(rows):
    rows.remove(next(row for row in rows if row["kind"] == "checkpoint"))
    assert codes(rows) == {"missing_checkpoint"}


def test_all_checkpoints_removed(rows):
    assert codes([row for row in rows if row["kind"] != "checkpoint"]) == {"unsigned_tail"}


def test_unsigned_entries_at_the_end(rows):
    del rows[-2]
    assert codes(rows) == {"unsigned_tail"}


def test_a_rewritten_detail(log):
    rows = load(exported(details=True))
    assert codes(rows) == set()
    detail = [row for row in rows if row["kind"] == "detail"][3]
    detail["actor_name"] = "李四"
    assert codes(rows) == {"detail_rewritten"}
    rows = load(exported(details=True))
    kept = [row for row in rows if row["kind"] == "snapshot"][3]
    kept["after"] = '{"n":99}'
    assert codes(rows) == {"detail_rewritten"}


def test_destroyed_details_leave_the_log_whole(log):
    with psycopg.connect(log.owner) as owner:
        owner.execute("DELETE FROM trace_detail WHERE entry_id IN (SELECT entry_id FROM trace_link WHERE seq < 4)")
        owner.execute("DELETE FROM trace_snapshot WHERE entry_id IN (SELECT entry_id FROM trace_link WHERE seq < 3)")
    report = verify_lines(exported(details=True), trusted=trusted())
    assert report.ok
    assert report.notices == ["5 处明细不在文件中（已依规销毁）；其摘要仍在链中，不影响核验。"]
    assert not any("张三" in line or "203.0.113.9" in line or "机构改革" in line for line in exported())


ATTACKS = {
    "deletes an entry": ("DELETE FROM trace_link WHERE seq = 7", {"missing_entry"}),
    "deletes the tail": ("DELETE FROM trace_link WHERE seq > 14", {"truncated"}),
    "rewrites who did it": (
        "UPDATE trace_entry SET account_id = 8 WHERE id = (SELECT entry_id FROM trace_link WHERE seq = 5)",
        {"rewritten"},
    ),
    "swaps two entries": (
        "UPDATE trace_link l SET entry_id = -o.entry_id FROM trace_link o WHERE l.seq IN (5, 6) AND o.seq = 11 - l.seq;"
        "UPDATE trace_link SET entry_id = -entry_id WHERE entry_id < 0",
        {"reordered"},
    ),
    "forges a checkpoint": ("UPDATE trace_checkpoint SET root = sha256('x') WHERE size = 10", {"forged_checkpoint"}),
    "drops a checkpoint": ("DELETE FROM trace_checkpoint WHERE size = 10", {"missing_checkpoint"}),
    "flips one bit": (
        "UPDATE trace_link SET hash = set_bit(hash, 9, 1 - get_bit(hash, 9)) WHERE seq = 9",
        {"rewritten"},
    ),
    "rewrites a reason": ("UPDATE trace_detail SET reason = '无' WHERE reason <> ''", {"detail_rewritten"}),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attacker_who_holds_the_database_but_not_the_key(log, name):
    statements, expected = ATTACKS[name]
    with psycopg.connect(log.owner) as owner:
        for table in ("trace_entry", "trace_link", "trace_checkpoint", "trace_detail"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute("SET CONSTRAINTS ALL DEFERRED")
        for statement in statements.split(";"):
            owner.execute(statement)
    assert verify_lines(exported(details=True), trusted=trusted()).codes() >= expected


@pytest.mark.faults
def test_the_database_rechained_by_its_owner(log):
    """OpenRegister's weakness: without a key in the chain, the owner recomputes everything; the signatures remain."""
    with psycopg.connect(log.owner) as owner:
        for table in ("trace_entry", "trace_link"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        rows = rechain([_changed(row) for row in load(exported()) if row["kind"] == "entry"])
        for row in rows:
            link = (bytes.fromhex(row["prev"]), bytes.fromhex(row["hash"]), row["seq"])
            owner.execute("UPDATE trace_link SET prev_hash = %s, hash = %s WHERE seq = %s", link)
            owner.execute(
                "UPDATE trace_entry SET digest = %s, account_id = %s"
                " WHERE id = (SELECT entry_id FROM trace_link WHERE seq = %s)",
                (bytes.fromhex(row["digest"]), row["entry"]["account"], row["seq"]),
            )
    assert verify_lines(exported(), trusted=trusted()).codes() == {"rechained"}


def _changed(row):
    if row["seq"] == 5:
        row["entry"]["account"] = 8
    return row


def test_every_flipped_character_is_noticed(rows):
    """One changed character anywhere in an entry, checkpoint or closing line never passes."""
    lines = dump(rows)
    for number in (1, 11, 12, len(lines) - 1):
        for position in range(0, len(lines[number]), 3):
            old = lines[number][position]
            changed = lines[number][:position] + ("1" if old == "0" else "0") + lines[number][position + 1 :]
            with suppress(ValueError):
                if json.loads(changed) == json.loads(lines[number]):
                    continue
            report = verify_lines([*lines[:number], changed, *lines[number + 1 :]], trusted=trusted())
            assert not report.ok, changed


@pytest.mark.parametrize(
    "line",
    ["[]", "{", "null", '{"kind":"entry"}', '{"kind":"end","entries":17,"note":"x"}', '{"kind":"entry","kind":"end"}',
     '{"kind":["entry"]}', "[" * 5000, '{"kind":"end","entries":true}', '{"kind":"end","entries":1e400}'],
)  # fmt: skip
def test_nonsense_is_a_named_fault_not_an_exception(rows, line):
    lines = dump(rows)
    assert "malformed" in verify_lines([*lines[:5], line, *lines[5:]], trusted=trusted()).codes()


def test_witness_files(rows):
    keep = json.dumps({"kind": "checkpoint", **latest()})
    assert witnesses([keep], set())[1] == trusted()
    assert [fault.code for fault in witnesses([keep], {b"x" * 32})[2]] == ["unknown_key"]
    assert [fault.code for fault in witnesses([keep.replace('"size": 17', '"size": 16')], set())[2]] == [
        "forged_checkpoint"
    ]
    assert [fault.code for fault in witnesses(["{}"], set())[2]] == ["malformed"]
    assert [fault.code for fault in witnesses([], set())[2]] == ["malformed"]


def test_a_witness_outside_the_files_range_is_no_proof(log):
    old = next(row for row in load(exported()) if row["kind"] == "checkpoint")
    part = load(exported(since=15))
    assert codes(part, witnessed=[{name: value for name, value in old.items() if name != "kind"}]) == {
        "witness_not_covered"
    }


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(log, tmp_path, capsys):
    """An export, the public key and a witness's checkpoint, made by the command."""
    names = [str(tmp_path / name) for name in ("log.jsonl", "trace.pub", "witness.json")]
    assert cli.main(["export", "--out", names[0]]) == 0
    capsys.readouterr()
    for command, name in (("key", names[1]), ("checkpoint", names[2])):
        assert cli.main([command]) == 0
        (tmp_path / name).write_text(capsys.readouterr().out)
    return names


def test_the_command_passes_and_fails(files, capsys, tmp_path):
    log, key, witness = files
    assert cli.main(["verify", log, "--key", key, "--checkpoint", witness]) == 0
    assert "核验通过（第 1 至 18 条记录、3 个检查点" in capsys.readouterr().out
    tampered = tmp_path / "tampered.jsonl"
    lines = exported()
    tampered.write_text("\n".join([*lines[:4], *lines[5:]]))
    assert cli.main(["verify", str(tampered), "--key", key]) == 1
    assert "missing_entry 删除：记录缺失。第 4 条记录缺失" in capsys.readouterr().out
    assert cli.main(["verify", log, str(tampered), "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["ok"] for one in told] == [True, False]
    assert all(fault["code"] in FAULTS for one in told for fault in one["faults"])


def test_the_export_itself_is_an_act(files):
    rows = load(exported())
    assert entry(rows, 18)["entry"]["code"] == "trace.log.export"


def test_what_could_not_run_never_passes(files, tmp_path):
    log, key, _ = files
    assert cli.main(["verify", str(tmp_path / "absent")]) == 2
    assert cli.main(["verify", log, "--key", log]) == 2
    assert cli.main(["verify", log, "--checkpoint", key]) == 1
    assert cli.main(["export", "--out", log]) == 2  # never overwrites


def test_verification_needs_neither_django_nor_a_database(files):
    log, key, witness = files
    code = (
        "import sys; sys.modules['django'] = sys.modules['psycopg'] = None\n"
        "from zhiguan.kernel.trace.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "verify", log, "--key", key, "--checkpoint", witness]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "核验通过" in done.stdout
    out = io.StringIO()
    assert cli.verify([log], keys=[key], out=out) == 0
