"""Kill -9 of the web process, of the worker and of the database, at random moments, while cases go from draft to document.

Organs apply for vehicle establishment (G4) over HTTP, their leaders and the bureau decide; `zhiguan web` and `zhiguan
worker` are the product's own, each killed with all it has started and begun again. Who gets no answer sends the same form
again, as a browser does, or looks at the case anew. Some cases are refused, some left standing with clocks that have run
out, so that the worker raises their cards. Half of the worker's kills wait until a document is being made.

At the end every acknowledged act must be in the ledger once and no other half-written, every granted case have its effect
and its document once, numbers be without gaps, notices and cards be there once, and the exported trace must verify. Prints
one JSON line a figure; exits 1 on any violation.

    python bench/flow_kills.py [--kills 10] [--every 2] [--organs 6] [--what web,worker,database] [--port 8920] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import psycopg
import requests

FOLDER, DATABASE = "bench-flow-kills", "zhiguan_bench_flow_kills"
ITEM, BUREAU = "vehicles.vehicle_quota", "310000-C01"
HANDLERS = 4
CSRF = "k" * 32
TITLE = re.compile(r"<title>[^<]*")
LOST, SEEN = "lost", "seen"
PATIENCE_S = 90
"""How long somebody tries one act; longer than everything together takes to start again."""


def say(name: str, value: float, unit: str) -> None:
    line = {"name": f"flow_kills.{name}", "value": round(value, 3), "unit": unit, "baseline": 0.0, "ratio": None}
    print(json.dumps(line), flush=True)


# --- the people -------------------------------------------------------------------------------------------------------


def settle(count: int) -> SimpleNamespace:
    """Make the organs with an applicant and a leader each, the bureau, and a session for everybody."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from zhiguan.kernel.flow import definitions
    from zhiguan.kernel.identity.models import Account, Grant, Role
    from zhiguan.kernel.orgs.models import Person
    from zhiguan.kernel.orgs.queries import DEMO_NOTE
    from zhiguan.kernel.orgs.tests.places import make_unit
    from zhiguan.kit.actor import system
    from zhiguan.lines.vehicles.domain import register

    actor, cookies, organs = system("bench"), {}, []
    with actor.transaction():
        city = make_unit(None, 0, "310000", "测试市", "city")
        type(city).objects.filter(pk=city.pk).update(note=DEMO_NOTE)  # documents bear the demo's seal
        bureau = make_unit(city, 1, BUREAU, "市机关事务管理局", "organ")
        definitions.sync(actor)

        def person(code: str, role: str, unit: Any, scope: str) -> int:
            made = Person.objects.create(code=code, name=f"人员{code}", unit=unit)
            account = Account.objects.create(username=code.lower(), person=made, unit=unit, must_change_password=False)
            Grant.objects.create(
                account=account, role=Role.objects.get(code=f"vehicles.case_{role}"), scope=scope, state="active",
                unit=unit if scope == "organ" else city, valid_from=date(2020, 1, 1),
            )  # fmt: skip
            session = import_module(settings.SESSION_ENGINE).SessionStore()
            session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(account.pk), settings.AUTHENTICATION_BACKENDS[0]
            session[HASH_SESSION_KEY] = account.get_session_auth_hash()
            session.create()
            cookies[made.pk] = {settings.SESSION_COOKIE_NAME: session.session_key, settings.CSRF_COOKIE_NAME: CSRF}
            return made.pk

        for number in range(HANDLERS):
            person(f"H{number}", "handler", bureau, "city")
        person("D0", "decider", bureau, "city")
        person("S0", "supervisor", bureau, "city")
        for number in range(count):
            unit = make_unit(city, number + 2, f"310000-C{number + 10}", f"市{number}局", "organ")
            register.set_quota(actor, unit=unit, kind="emergency", quota=3, valid_from=date(2020, 1, 1))
            organs.append(SimpleNamespace(unit=unit.pk, applicant=person(f"A{number}", "applicant", unit, "organ")))
            person(f"L{number}", "endorser", unit, "organ")
    return SimpleNamespace(cookies=cookies, organs=organs)


class Sight:
    """What somebody sees who looks again: the database, as soon as it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection: psycopg.Connection[Any] | None = None

    def rows(self, statement: str, *values: Any) -> list[Any]:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                if self.connection is None:
                    self.connection = psycopg.connect(self.url, autocommit=True, connect_timeout=5)
                cursor = self.connection.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self.connection = None
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def one(self, statement: str, *values: Any) -> Any:
        found = self.rows(statement, *values)
        return found[0][0] if found else None


class Organ(threading.Thread):
    """An organ's cases one after the other, each act by the person whose turn it is."""

    def __init__(self, number: int, town: SimpleNamespace, url: str, port: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.number, self.town, self.organ = number, town, town.organs[number]
        self.address, self.sight, self.dice = f"http://127.0.0.1:{port}", Sight(url), random.Random(seed * 1000 + number)
        self.acknowledged: list[tuple[str, int, int]] = []
        """(act, case, seat) of everything that was answered well."""
        self.told: Counter[str] = Counter()
        self.standing: list[int] = []
        self.wrong: list[str] = []
        self.stopping = False

    def run(self) -> None:
        try:
            for number in itertools.count(1):
                if self.stopping or self.wrong:
                    return
                self.life(number)
        except Exception as error:  # the thread's end must be seen
            self.wrong.append(f"organ {self.number}: {type(error).__name__}: {error}"[:300])

    def send(self, who: int, path: str, data: dict[str, Any], files: Any = None) -> requests.Response | None:
        """Return the answer; None when there was none, or one that says it could not be done now."""
        try:
            with requests.Session() as browser:
                browser.trust_env = False  # no proxy stands between
                answer = browser.post(
                    self.address + path, {**data, "csrfmiddlewaretoken": CSRF}, files=files, cookies=self.town.cookies[who],
                    allow_redirects=False, timeout=30,
                )  # fmt: skip
        except requests.RequestException:
            return None
        return None if answer.status_code >= 500 else answer

    def act(
        self, what: str, who: int, path: str, data: dict[str, Any], done: Callable[[], Any], *, case: int = 0, seat: int = 0,
        again: bool = True, file: tuple[str, bytes] | None = None,
    ) -> Any:  # fmt: skip
        """Do one act until it is known to be done; return what ``done`` saw then.

        ``again``: the same form may be sent twice, because it carries a token or a state that refuses the second.
        """
        token, lost, last, until = uuid.uuid4().hex, False, "no answer", time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            answer = self.send(who, path, {**data, "_token": token}, {"file": file} if file else None)
            if answer is not None and (answer.status_code == 200 or self.moved(answer)):
                self.acknowledged.append((what, case, seat))
                self.told[what] += 1
                seen = done()
                if not seen:
                    raise RuntimeError(f"{what} of case {case} was acknowledged and is not there")
                return seen
            if answer is not None:
                last = f"{answer.status_code} {answer.headers.get('Location', '')}{TITLE.search(answer.text)}"
                if not lost:
                    raise RuntimeError(f"{what} of case {case}: {last}")
            self.told[LOST] += answer is None
            if (answer is not None or not again or self.dice.random() < 0.5) and (seen := done()):
                self.told[SEEN] += 1
                return seen
            if answer is not None:
                time.sleep(0.3)  # refused, and not there yet: the lost one's transaction may still be on its way
            lost = True
            time.sleep(0.1)
        raise RuntimeError(f"{what} of case {case} could not be done in {PATIENCE_S} s: {last}")

    @staticmethod
    def moved(answer: requests.Response) -> bool:
        return answer.status_code == 302 and "login" not in answer.headers.get("Location", "")

    # --- one case -----------------------------------------------------------------------------------------------------

    def life(self, number: int) -> None:
        mine = self.organ.applicant
        key = self.act(
            "create", mine, f"/governance/item/{ITEM}/apply/", {}, again=False, done=lambda: self.sight.one(
                "SELECT id FROM flow_case WHERE applicant_id = %s AND state = 'draft' ORDER BY id DESC LIMIT 1", mine)
        )  # fmt: skip
        have = self.sight.one(
            "SELECT quota FROM vehicles_vehiclequota WHERE unit_id = %s AND state = 'active' AND valid_to IS NULL",
            self.organ.unit,
        )  # fmt: skip
        wanted = 5 if have == 3 else 3
        for material in ("application", "usage"):
            self.act("add_file", mine, f"/governance/case/{key}/upload/", {"material": material}, again=False, case=key,
                     file=(f"{material}.pdf", paper(f"{key} {material}")), done=lambda material=material: self.sight.one(
                         "SELECT count(*) FROM flow_casefile WHERE case_id = %s AND material = %s", key, material))  # fmt: skip
        row = {"kind": "emergency", "current": have, "held": 0, "wanted": wanted}
        start = datetime.now(UTC).date() + timedelta(days=30 + number)
        form = {"reason_kind": "adjust" if wanted > have else "reduce", "reason": f"第 {number} 次申请",
                "effective_on": start.isoformat(), "rows": json.dumps([row])}  # fmt: skip
        self.act("submit", mine, f"/governance/case/{key}/form/", form, case=key, done=lambda: self.sight.one(
            "SELECT submitted_at IS NOT NULL FROM flow_case WHERE id = %s", key))  # fmt: skip
        refuse = self.dice.random() < 0.15
        while seats := self.sight.rows(
            "SELECT t.id, t.person_id, s.node FROM flow_seat t JOIN flow_step s ON s.id = t.step_id WHERE t.case_id = %s "
            "AND s.state = 'open' AND t.state IN ('offered', 'working')", key,
        ):  # fmt: skip
            node = seats[0][2]
            if node == "review" and number % 4 == 2:
                self.leave(key)
                return
            outcome = "refuse" if refuse and node == "decision" else "agree"
            if node == "joint":  # everybody at the same moment
                threads = [threading.Thread(target=self.guarded, args=(key, seat, who, outcome)) for seat, who, _ in seats]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            else:
                self.decide(key, *self.dice.choice(seats)[:2], outcome)
            if self.wrong:
                return
        if self.sight.one("SELECT state FROM flow_case WHERE id = %s", key) not in ("granted", "refused"):
            raise RuntimeError(f"case {key} waits for nobody and has not ended")

    def decide(self, key: int, seat: int, who: int, outcome: str) -> None:
        form = {"outcome": outcome, "opinion": "经审查，提出此意见。"}
        self.act("decide", who, f"/governance/case/{key}/decide/", form, case=key, seat=seat, done=lambda: self.sight.one(
            "SELECT state = 'done' FROM flow_seat WHERE id = %s", seat))  # fmt: skip

    def guarded(self, *decision: Any) -> None:
        try:
            self.decide(*decision)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}"[:300])

    def leave(self, key: int) -> None:
        """Let a case stand as if its clocks had begun long ago: its cards are due now."""
        began = (datetime.now(UTC) - timedelta(days=120)).isoformat()
        for table, which in (("flow_case", "id = %s"), ("flow_step", "case_id = %s AND state = 'open'")):
            self.sight.rows(
                f"UPDATE {table} SET clock = jsonb_set(clock, '{{0,0}}', to_jsonb(%s::text)), look_at = now() "
                f"WHERE {which} AND clock <> '[]'", began, key,
            )  # fmt: skip
        self.standing.append(key)


def paper(text: str) -> bytes:
    from zhiguan.kernel.flow.tests.office import PDF

    return PDF + f"%{text}".encode()


# --- what is killed ---------------------------------------------------------------------------------------------------


class Victims:
    """The processes to be killed, each started again at once."""

    def __init__(self, data_dir: Path, sight: Sight, port: int, dice: random.Random) -> None:
        self.data_dir, self.sight, self.port, self.dice = data_dir, sight, port, dice
        self.running = {what: self.start(what) for what in ("web", "worker")}
        self.aimed = 0

    def start(self, what: str) -> subprocess.Popen[bytes]:
        options = ("--bind", "127.0.0.1", "--port", str(self.port)) if what == "web" else ()
        with (self.data_dir.parent / f"{what}.out").open("ab") as said:
            return subprocess.Popen([sys.executable, "-m", "zhiguan.site.cli", what, *options], start_new_session=True,
                                    stdout=said, stderr=said)  # fmt: skip

    def kill(self, what: str) -> None:
        from zhiguan.site.runtime.postgres import ensure_cluster

        if what == "database":
            number = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            psutil.Process(number).kill()
            ensure_cluster(self.data_dir, durable=True)
            return
        if what == "worker" and self.dice.random() < 0.5:
            self.aim()
        os.killpg(self.running[what].pid, signal.SIGKILL)  # with everything it has started
        self.running[what].wait()
        self.running[what] = self.start(what)

    def aim(self) -> None:
        """Wait until a document is being made, then somewhat."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.sight.one("SELECT 1 FROM events_job WHERE kind = 'documents.document.produce' AND state = 'running'"):
                self.aimed += 1
                time.sleep(self.dice.uniform(0, 0.15))
                return
            time.sleep(0.005)

    def end(self) -> None:
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# --- what must be true ------------------------------------------------------------------------------------------------


def judge(acknowledged: Counter[tuple[str, int, int]], standing: list[int]) -> tuple[Counter[str], list[str]]:
    """Return counts, and every violation in words."""
    from zhiguan.kit.actor import system

    with system("bench").transaction():
        counts, wrong = _acts(acknowledged)
        for more in (_effects(counts), _documents(counts), _told(counts, standing)):
            wrong += more
    return counts, wrong + _trace(counts)


def _acts(acknowledged: Counter[tuple[str, int, int]]) -> tuple[Counter[str], list[str]]:
    """Every case is whole; what was acknowledged is in the ledger, once."""
    from zhiguan.kernel.flow.models import Case, CaseFile, Effect, Seat
    from zhiguan.kernel.flow.tests import machine, sample
    from zhiguan.kernel.ledger.models import LedgerEvent

    counts, wrong = Counter[str](), []
    sample.DONE[:] = [(row.case.code, "") for row in Effect.objects.select_related("case")]
    for case in Case.objects.order_by("pk"):
        counts[case.state] += 1
        try:
            machine.check(case)
        except AssertionError as error:
            wrong.append(f"case {case.pk} is not whole: {error}"[:300])
        done = set(Seat.objects.filter(case=case, state="done").values_list("pk", flat=True))
        written = Counter(LedgerEvent.objects.filter(subject_type="flow.case", subject_id=case.pk).values_list("code", flat=True))
        answered = [(what, seat) for what, key, seat in acknowledged.elements() if key == case.pk]
        decided = [seat for what, seat in answered if what == "decide"]
        if len(decided) != len(set(decided)) or not set(decided) <= done or written["decide"] != len(done):
            wrong.append(f"case {case.pk}: decisions: {len(decided)} acknowledged, {len(done)} done, {written['decide']} in the ledger")
        if written["submit"] != (case.state != "draft") or (("submit", 0) in answered and not written["submit"]):
            wrong.append(f"case {case.pk} is {case.state} and was submitted {written['submit']} times")
        if CaseFile.objects.filter(case=case).count() < sum(what == "add_file" for what, _ in answered):
            wrong.append(f"case {case.pk}: an acknowledged file is missing")
    made = sum(counts.values())
    if made < (told := sum(number for (what, _, _), number in acknowledged.items() if what == "create")):
        wrong.append(f"{told} cases acknowledged, {made} there")
    return counts, wrong


def _effects(counts: Counter[str]) -> list[str]:
    """A granted case changed the establishment once, no other did; the ledger tells a chain without gaps."""
    from zhiguan.kernel.flow.models import Case
    from zhiguan.kernel.ledger.models import LedgerEvent
    from zhiguan.lines.vehicles.models import VehicleQuota

    wrong = []
    numbers = Counter(VehicleQuota.objects.exclude(document_no="").values_list("document_no", flat=True))
    granted = dict(Case.objects.filter(state="granted").values_list("document_no", "code"))
    if numbers != Counter(list(granted)):
        odd = sorted(set(numbers) ^ set(granted))
        wrong.append(f"establishment: only changed or only granted {odd}; changed most often {numbers.most_common(3)}")
    counts["effects"] = numbers.total()
    by_case = Counter(LedgerEvent.objects.filter(subject_type="vehicles.vehiclequota", code="create")
                      .exclude(reason="").values_list("reason", flat=True))  # fmt: skip
    if by_case != Counter(f"办件 {code}" for code in granted.values()):
        wrong.append("the ledger's events of establishments are not one a granted case")
    for unit in set(VehicleQuota.objects.values_list("unit", flat=True)):
        rows = list(VehicleQuota.objects.filter(unit=unit, state="active").order_by("valid_from"))
        follow = all(a.valid_to == b.valid_from and a.quota != b.quota for a, b in itertools.pairwise(rows))
        if not follow or rows[-1].valid_to is not None:
            wrong.append(f"establishments of unit {unit} do not follow one another")
    return wrong


def _documents(counts: Counter[str]) -> list[str]:
    """A granted case has its document once: one number, one file whose content is there, made once; no number is missing."""
    from zhiguan.kernel.documents.models import NumberSeries, OutcomeDocument
    from zhiguan.kernel.events.models import Job
    from zhiguan.kernel.files import service as files
    from zhiguan.kernel.files import store
    from zhiguan.kernel.flow.models import Case
    from zhiguan.kernel.ledger.models import LedgerEvent

    wrong = []
    granted = set(Case.objects.filter(state="granted").values_list("code", "document_no"))
    rows = list(OutcomeDocument.objects.order_by("serial"))
    if Counter((row.case, row.number) for row in rows) != Counter(granted):
        wrong.append(f"{len(rows)} documents, {len(granted)} granted cases")
    series = list(NumberSeries.objects.values_list("last", flat=True))
    if [row.serial for row in rows] != list(range(1, len(rows) + 1)) or sum(series) != len(rows):
        wrong.append(f"numbers with gaps or twice: {[row.serial for row in rows]}")
    for row in rows:
        told = list(LedgerEvent.objects.filter(subject_type="documents.outcomedocument", subject_id=row.pk)
                    .order_by("id").values_list("code", flat=True))  # fmt: skip
        whole = [file.digest for file in files.attachments(row).filter(role="document")]
        if row.state != "valid" or told != ["create", "produce"] or whole != [row.digest] or not store.intact(row.digest):
            wrong.append(f"document {row.number}: {row.state}, {told}, {len(whole)} files")
    jobs = list(Job.objects.filter(kind="documents.document.produce"))
    counts["documents"], counts["jobs_cut"] = len(rows), sum(job.attempts > 1 for job in jobs)
    counts["jobs_failed"] = sum(job.state == "failed" for job in jobs)
    return wrong


def _told(counts: Counter[str], standing: list[int]) -> list[str]:
    """Everybody was told once of each seat and each end; each card that was due is there once and was told once."""
    from zhiguan.kernel.flow.models import Card, Case, Seat
    from zhiguan.kernel.identity.models import Account
    from zhiguan.kernel.notices.models import Notice

    wrong = []
    account_of = dict(Account.objects.values_list("person_id", "pk"))
    for case in Case.objects.all():
        notices = Notice.objects.filter(subject=f"flow.case/{case.pk}")
        ends = list(notices.filter(kind="flow.case.end").values_list("account_id", flat=True))
        if ends != ([account_of[case.applicant_id]] if case.state in ("granted", "refused") else []):
            wrong.append(f"case {case.pk} is {case.state} and its end was told {len(ends)} times")
        asked = Counter(account_of[key] for key in Seat.objects.filter(case=case).values_list("person_id", flat=True))
        told = Counter(notices.filter(kind="flow.step.open").values_list("account_id", flat=True))
        counts["notices"] += told.total() + len(ends)
        if asked != told:
            wrong.append(f"case {case.pk}: seats {dict(asked)}, told {dict(told)}")
    due: list[tuple[int, int | None, str]] = []
    for case in Case.objects.filter(pk__in=standing):
        rows = [(case, None), *((step, step.pk) for step in case.steps.filter(state="open"))]
        due += [(case.pk, key, rung) for row, key in rows for rung, _ in (row.policy or {}).get("rungs", ())]
    cards = list(Card.objects.all())
    counts["cards"] = len(cards)
    if Counter((card.case_id, card.step_id, card.rung) for card in cards) != Counter(due):
        wrong.append(f"{len(due)} cards were due, {len(cards)} are there")
    watching = Account.objects.get(username="s0").pk
    for card in cards:
        if (told_of := Notice.objects.filter(dedupe_key=f"flow.card/{card.pk}", account_id=watching).count()) != 1:
            wrong.append(f"card {card.pk} was told {told_of} times to whoever supervises")
    return wrong


def _trace(counts: Counter[str]) -> list[str]:
    """The log as exported, with a checkpoint over all of it, verifies."""
    from zhiguan.kernel.trace import cli
    from zhiguan.kernel.trace.service import checkpoint
    from zhiguan.kernel.trace.verify import verify_lines
    from zhiguan.kit.actor import system

    with system("bench").transaction():
        checkpoint()
    out = io.StringIO()
    cli.export(out)
    report = verify_lines(io.StringIO(out.getvalue()), name="trace")
    counts["trace"] = report.entries
    return [f"trace: {fault}" for fault in report.faults]


# --- the run ----------------------------------------------------------------------------------------------------------


def drained(sight: Sight, standing: list[int], patience_s: float) -> tuple[float, int]:
    """Wait until the worker, left alone, has made every document and raised every card; return (seconds, documents not made)."""
    began = time.monotonic()
    while True:
        making = sight.one("SELECT count(*) FROM documents_outcomedocument WHERE state = 'making'")
        due = sight.one(
            "SELECT (SELECT count(*) FROM flow_case WHERE id = ANY(%s) AND look_at <= now()) + (SELECT count(*) FROM flow_step "
            "WHERE case_id = ANY(%s) AND look_at <= now())", standing, standing,
        )  # fmt: skip
        if (not making and not due) or time.monotonic() - began > patience_s:
            return time.monotonic() - began, making
        time.sleep(0.5)


def run(options: argparse.Namespace, ground: Any) -> int:
    from zhiguan.site.runtime.postgres import SUPERUSER, ensure_cluster

    dice = random.Random(options.seed)
    todo = [what for what in options.what.split(",") for _ in range(options.kills)]
    dice.shuffle(todo)
    from django.db import connection

    town = settle(options.organs)
    connection.close()
    url = ensure_cluster(ground.data_dir, durable=True).url(SUPERUSER, DATABASE)
    sight = Sight(url)
    victims = Victims(ground.data_dir, sight, options.port, dice)
    organs = [Organ(number, town, url, options.port, options.seed) for number in range(options.organs)]
    try:
        for organ in organs:
            organ.start()
        until = time.monotonic() + PATIENCE_S
        while not all(organ.acknowledged for organ in organs) and time.monotonic() < until:
            time.sleep(0.1)
        began, felt = time.monotonic(), 0
        for what in todo:
            before, until = sum(len(organ.acknowledged) for organ in organs), time.monotonic() + PATIENCE_S / 3
            while (now := sum(len(organ.acknowledged) for organ in organs)) == before and time.monotonic() < until:
                time.sleep(0.05)  # a kill before the last one's victim is back would hit nothing
            felt += now > before
            time.sleep(dice.uniform(0.2, 1.8) * options.every)
            victims.kill(what)
        took = time.monotonic() - began
        for organ in organs:
            organ.stopping = True
        for organ in organs:
            organ.join(2 * PATIENCE_S)
        standing = [key for organ in organs for key in organ.standing]
        waited, making = drained(sight, standing, 300)
        if making:  # what a job that failed for good leaves is asked for again within the hour; here at once
            from django.db import transaction

            from zhiguan.kernel.documents import producing

            with transaction.atomic():
                producing.resume()
            waited += drained(sight, standing, 120)[0]
    finally:
        victims.end()
    wrong = [text for organ in organs for text in organ.wrong]
    wrong += [f"organ {organ.number} has not ended" for organ in organs if organ.is_alive()]
    acknowledged = Counter(act for organ in organs for act in organ.acknowledged)
    counts, found = judge(acknowledged, standing)
    wrong += found
    told = sum((organ.told for organ in organs), Counter[str]())
    for what, number in Counter(todo).items():
        say(what, number, "kill -9 under traffic")
    say("seconds", took, "s")
    acts = ", ".join(f"{what} {told[what]}" for what in ("create", "add_file", "submit", "decide"))
    say("acknowledged", acknowledged.total(), f"acts: {acts}")
    say("lost", told[LOST], f"answers that did not come; {told[SEEN]} of these acts had been done")
    say("felt", felt, "kills before which something was acknowledged since the one before")
    states = ("draft", "running", "granted", "refused")
    say("cases", sum(counts[state] for state in states), ", ".join(f"{state} {counts[state]}" for state in states))
    say("effects", counts["effects"], "changes of the ledger by granted cases")
    again = f"{counts['jobs_cut']} taken up again ({victims.aimed} kills aimed at one), {counts['jobs_failed']} given up"
    say("documents", counts["documents"], f"documents; {again}")
    say("cards", counts["cards"], "cards")
    say("notices", counts["notices"], "notices of seats and ends")
    say("trace", counts["trace"], "entries verified")
    say("drained", waited, "s from the last kill until every document was made and every card raised")
    say("violations", len(wrong), "violations")
    for text in wrong[:40]:
        print(text, file=sys.stderr)
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each")
    parser.add_argument("--every", type=float, default=2.0, help="seconds of traffic between kills, on average")
    parser.add_argument("--organs", type=int, default=6, help="organs that apply at the same time")
    parser.add_argument("--what", default="web,worker,database")
    parser.add_argument("--port", type=int, default=8920)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--var", type=Path, default=Path(__file__).resolve().parents[1] / "var")
    options = parser.parse_args()
    folder = (options.var / FOLDER).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "zhiguan.site.settings", "ZHIGUAN_VAR": str(folder), "ZHIGUAN_LOG_LEVEL": "ERROR",
        "ZHIGUAN_SECRET_KEY": secrets.token_urlsafe(50), "ZHIGUAN_BUREAU": BUREAU,
        "DATABASE_URL": "postgresql://zhiguan_app@/unset",
    }  # fmt: skip
    from scene.database import fresh

    from zhiguan.site.runtime.postgres import ensure_cluster

    with fresh(folder / "pg", DATABASE, durable=True) as ground:
        try:
            return run(options, ground)
        finally:
            from django.db import connection

            connection.close()
            ensure_cluster(ground.data_dir, durable=True)


if __name__ == "__main__":
    sys.exit(main())
