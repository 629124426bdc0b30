"""Cases: what a step costs, lists and supervision at full size, clocks, and a race of two hundred on the same cases.

Prints one JSON line per figure (`name`, `value`, `unit`, `baseline`, `ratio`); exits 1 when the race tore, lost or doubled
anything. Parts: steps (against SpiffWorkflow with its own serializer: load, complete, save as a committed row), race, full.

    python bench/flow.py [--parts steps,race,full] [--closed 1000000] [--open 50000] [--cases 60] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scene.cases import WAY, acting, agree, bureau, submitted
from scene.processor import spent

ACTORS, SECONDS = 200, 60


def say(name: str, value: float, unit: str, baseline: float = 0.0) -> None:
    line: dict[str, Any] = {"name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3)}
    print(json.dumps({**line, "ratio": round(value / baseline, 3) if baseline else None}), flush=True)


# --- a step -----------------------------------------------------------------------------------------------------------


def steps(scene: Any, count: int) -> None:
    office = scene.office
    cases = [submitted(office, scene.sample.ITEM) for _ in range(count)]
    actors = {name: acting(office, name) for name in WAY}
    for name in WAY:  # warm: caches of this process, plans of the database
        agree(office, name, cases[0], actors[name])
    asked = statements(lambda: agree(office, "李领导", cases[1], actors["李领导"]))
    ours, ours_cpu, whole = [], [], spent(scene.data_dir)
    for case in cases[2:]:
        for name in WAY:
            begun, cpu = time.perf_counter(), time.process_time()
            agree(office, name, case, actors[name])
            ours.append(time.perf_counter() - begun)
            ours_cpu.append(time.process_time() - cpu)
    whole = spent(scene.data_dir) - whole
    bare, bare_cpu = spiff(scene, max(5, count // 4))
    say("flow.step_wall", statistics.median(ours) * 1000, "ms", statistics.median(bare) * 1000)
    say("flow.step_cpu", statistics.mean(ours_cpu) * 1000, "ms CPU of this process", statistics.mean(bare_cpu) * 1000)
    say("flow.steps_per_second", len(ours) / sum(ours), "steps/s, one after another", len(bare) / sum(bare))
    say("flow.steps_per_core", len(ours) / whole, "steps in a second of processor time, of this process and the server")
    say("flow.step_statements", asked, "statements")


def statements(act: Any) -> int:
    from django.db import connection

    asked: Counter[str] = Counter()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked[sql] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        act()
    for sql, number in asked.most_common():
        print(number, sql[:160].replace("\n", " "), file=sys.stderr)
    return asked.total()


def spiff(scene: Any, count: int) -> tuple[list[float], list[float]]:
    """The same graph under SpiffWorkflow alone: service tasks do nothing, the state is one row."""
    import psycopg
    from lxml import etree
    from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser, full_tag
    from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
    from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
    from SpiffWorkflow.bpmn.specs.defaults import ManualTask
    from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
    from SpiffWorkflow.util.task import TaskState

    class Parser(BpmnParser):
        OVERRIDE_PARSER_CLASSES = {full_tag("userTask"): (TaskParser, ManualTask)}

    text = scene.sample.bpmn("one").replace('outcomes.accept = "agree"', "True")
    text = re.sub(r'<serviceTask id="(\w+)" [^>]*/>', r'<scriptTask id="\1"><script>pass</script></scriptTask>', text)
    text = text.replace('outcomes.decision = "agree" and outcomes.review = "agree"', "True")
    parser = Parser()
    parser.add_bpmn_xml(etree.fromstring(text).getroottree())
    spec, keeper = parser.get_spec("sample"), BpmnWorkflowSerializer()
    wall, cpu = [], []
    with psycopg.connect(scene.urls.owner, autocommit=True) as database:
        database.execute("CREATE TABLE bare (id int PRIMARY KEY, state text)")
        for key in range(count):
            flow = BpmnWorkflow(spec)
            flow.do_engine_steps()
            database.execute("INSERT INTO bare VALUES (%s, %s)", [key, keeper.serialize_json(flow)])
            for _ in WAY:
                begun, used = time.perf_counter(), time.process_time()
                flow = keeper.deserialize_json(database.execute("SELECT state FROM bare WHERE id = %s", [key]).fetchone()[0])
                task = next(each for each in flow.get_tasks(state=TaskState.READY) if each.task_spec.manual)
                task.run()
                flow.do_engine_steps()
                database.execute("UPDATE bare SET state = %s WHERE id = %s", [keeper.serialize_json(flow), key])
                wall.append(time.perf_counter() - begun)
                cpu.append(time.process_time() - used)
            if not flow.is_completed():
                raise SystemExit("the bare process did not come to its end")
    return wall, cpu


# --- the race ---------------------------------------------------------------------------------------------------------


def race(scene: Any, seconds: float) -> None:
    """Two hundred people, each with a thread, do anything they may to the same twelve cases; then all is counted."""
    from django.db import connection

    from zhiguan.kernel.flow import service
    from zhiguan.kernel.flow.models import Case, Effect, Seat, Step
    from zhiguan.kernel.flow.tests import machine
    from zhiguan.kernel.ledger.models import LedgerEvent
    from zhiguan.kit.actor import system
    from zhiguan.kit.errors import Refusal

    office, item = scene.office, scene.sample.ITEM
    cases = [submitted(office, item) for _ in range(12)]
    actors = {name: acting(office, name) for name in machine.EVERYBODY}
    told: Counter[str] = Counter()
    lock, room, stop = threading.Lock(), threading.BoundedSemaphore(80), time.monotonic() + seconds
    broken: list[str] = []

    def once(dice: random.Random) -> str:
        case, name = dice.choice(cases), dice.choice(machine.EVERYBODY)
        actor = actors[name]
        with actor.transaction():
            case = Case.objects.filter(pk=case.pk).first()
            if case is None:
                return "not seen"
            seat = Seat.objects.filter(case=case, person=office.people[name], state__in=machine.OPEN_SEATS).first()
        people = [office.people[dice.choice(machine.BUREAU)]]
        verbs: list[tuple[Any, dict[str, Any]]] = [(service.comment, {"text": "看过"})]
        if name == "张申请":
            verbs = [(service.resubmit, {}), (service.urge, {})] * 4 + ([(service.withdraw, {})] if dice.random() < 0.02 else [])
        if seat is not None:
            done = Step.objects
            with actor.transaction():
                done = list(Step.objects.filter(case=case, state="done"))
            verbs = [(service.decide, {"seat": seat, "outcome": "agree", "opinion": "可"})] * 6 + [
                (service.claim, {"seat": seat}), (service.release, {"seat": seat}),
                (service.transfer, {"seat": seat, "person": people[0], "reason": "换"}),
                (service.add_sign_before, {"seat": seat, "people": people}), (service.add_sign_after, {"seat": seat, "people": people}),
                (service.correct, {"seat": seat, "items": [{"path": "reason", "text": "写明"}]}),
                *[(service.return_, {"seat": seat, "to": each, "reason": "再看"}) for each in done[:1]],
            ]  # fmt: skip
        verb, values = dice.choice(verbs)
        with actor.acting():
            verb(actor, case, **values)
        return verb.__name__

    def work(number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < stop:
            with room:  # the server has 120 connections; who waits for one is still in the race
                try:
                    said = once(dice)
                except Refusal as refusal:
                    said = f"refused: {refusal.code}"
                except Exception as error:
                    said = "error"
                    broken.append(f"{type(error).__name__}: {error}"[:300])
                finally:
                    connection.close()
            with lock:
                told[said] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(ACTORS)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    with system("bench").transaction():
        keys = [case.pk for case in cases]
        scene.sample.DONE[:] = [(row.case.code, "") for row in Effect.objects.filter(case__in=keys).select_related("case")]
        for case in cases:
            try:
                machine.check(case)
            except AssertionError as error:
                broken.append(f"case {case.pk} is not whole: {error}")
        written = Counter(LedgerEvent.objects.filter(subject_type="flow.case", subject_id__in=keys).values_list("code", flat=True))
        states = Counter(Case.objects.filter(pk__in=keys).values_list("state", flat=True))
    for verb in ("decide", "claim", "transfer", "return_", "correct", "withdraw", "comment"):
        if written[verb] != told[verb]:
            broken.append(f"{verb}: {told[verb]} acknowledged, {written[verb]} in the ledger")
    done = sum(number for said, number in told.items() if not said.startswith(("refused", "error", "not seen")))
    print(json.dumps({"told": told, "states": states, "broken": broken[:20]}, ensure_ascii=False), file=sys.stderr)
    say("flow.race_acts", done, f"acts acknowledged by {ACTORS} actors in {took:.0f} s", sum(told.values()))
    say("flow.race_violations", len(broken), "violations")
    if broken:
        raise SystemExit(1)


# --- full size --------------------------------------------------------------------------------------------------------


def full(scene: Any, closed: int, opened: int) -> None:
    from scene.cases import NARROW

    from zhiguan.functions.governance import course_figures as figures
    from zhiguan.functions.governance.metrics import CLOSED
    from zhiguan.kernel.flow import tallies
    from zhiguan.kernel.flow.lifecycle import DECIDED
    from zhiguan.kit.pages.conformance import Visitor

    def at(page: str, **parameters: Any) -> str:
        return f"/governance/{page}/?{urlencode(parameters, doseq=True)}"

    def during(name: str) -> dict[str, str]:
        return {f"{name}_from": period.first.isoformat(), f"{name}_to": period.end.isoformat()}

    tallies.gather()  # as the worker does each minute
    period = figures.Period.of("quarter")
    ended, unit = during("ended_at"), scene.office.units["甲"].pk + 5
    item = "vehicles.vehicle_quota"
    todo, overview, listed = "/governance/todo/", "/governance/supervision/", "/governance/supervised/"
    step = {"item": item, "name": "审查", "state": CLOSED, **during("closed_at")}
    pages = (
        ("todo", "吴决定", todo), ("todo_filtered", "吴决定", f"{todo}?state=working&item={item}"),
        ("todo_searched", "吴决定", f"{todo}?q=修车"), ("handled", "吴决定", "/governance/handled/"),
        ("cases_of_a_handler", "吴决定", "/governance/case/"), ("applications", "张申请", "/governance/application/"),
        ("overview", "冯监督", overview), ("overview_twelve", "冯监督", f"{overview}?period=twelve"),
        ("overview_of_one_organ", NARROW, f"{overview}?period=twelve"),
        ("supervised", "冯监督", listed), ("supervised_running", "冯监督", f"{listed}?state=running"),
        ("supervised_yellow", "冯监督", f"{listed}?yellow_card=1"), ("supervised_red", "冯监督", f"{listed}?red_card=1"),
        ("supervised_corrected", "冯监督", f"{listed}?corrected=1"),
        ("supervised_ended", "冯监督", at("supervised", state=DECIDED, **ended)),
        ("supervised_overdue", "冯监督", at("supervised", state=DECIDED, overdue="1", **ended)),
        ("supervised_corrected_ended", "冯监督", at("supervised", state=DECIDED, corrected="1", **ended)),
        ("supervised_organ_overdue", "冯监督", at("supervised", unit=unit, state=DECIDED, overdue="1", **ended)),
        ("supervised_of_one_organ", NARROW, listed), ("supervised_red_of_one_organ", NARROW, f"{listed}?red_card=1"),
        ("steps", "冯监督", "/governance/supervised_step/"),
        ("steps_open", "冯监督", at("supervised_step", item=item, stage="review", state="open")),
        ("steps_open_red", "冯监督", at("supervised_step", item=item, stage="review", state="open", red_card="1")),
        ("steps_closed", "冯监督", at("supervised_step", **step)), ("steps_long", "冯监督", at("supervised_step", **step, long="1")),
        ("steps_of_one_organ", NARROW, at("supervised_step", state="open")),
        ("cards", "冯监督", "/governance/card/"),
        ("cards_red", "冯监督", at("card", rung="red", **during("reached_at"))),
        ("cards_of_one_organ", NARROW, "/governance/card/"),
    )  # fmt: skip
    slow = []
    for name, who, url in pages:
        visitor = Visitor(acting(scene.office, who))
        took, cpu = [], 0.0
        for number in range(22):
            if number == 1:
                cpu = spent(scene.data_dir)
            begun = time.perf_counter()
            answer = visitor.get(url)
            took.append((time.perf_counter() - begun) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{url}: {answer.status_code}")
            if number and sum(took) > 15_000:
                break
        cpu = 1000 * (spent(scene.data_dir) - cpu) / (len(took) - 1)
        p95 = sorted(took[1:] or took)[int(0.95 * (len(took) - 1)) - 1]
        more = f"first {took[0]:.0f}, median {statistics.median(took):.0f}, CPU of process and server {cpu:.0f}"
        say(f"flow.page_{name}", p95, f"ms p95; {more}", 100)
        slow += [name] if p95 > 100 else []
    print(f"over 100 ms: {', '.join(slow) or 'none'}", file=sys.stderr)
    equal(scene, figures)
    timers(scene, opened)


def timers(scene: Any, opened: int) -> None:
    from zhiguan.kernel.flow import cards

    begun, cpu = time.perf_counter(), spent(scene.data_dir)
    changed = cards.look_again()
    used = f"{spent(scene.data_dir) - cpu:.1f} s CPU of process and server"
    say("flow.look_again", time.perf_counter() - begun, f"s for {opened} open cases, {changed} changed, {used}", 10)
    due(scene, cards, DUE)


DUE = 5000


def equal(scene: Any, figures: Any) -> None:
    """The tallies are what the rows say, at this size too."""
    from django.db import connection

    from zhiguan.kit.actor import system

    period = figures.Period.of("twelve")
    with system("bench").transaction() as actor, connection.cursor() as cursor:
        said = {each["title"]: each["value"] for each in figures.figures(
            actor, figures.by_organ(actor, period), figures.days_by_organ(actor, period), period
        )}  # fmt: skip
        begun = time.perf_counter()
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE overdue), count(*) FILTER (WHERE corrected) FROM flow_case "
            "WHERE state IN ('granted', 'refused') AND ended_at >= %s::timestamp AT TIME ZONE 'Asia/Shanghai'", [period.first],
        )  # fmt: skip
        counted = cursor.fetchone()
        say("flow.counted_from_rows", (time.perf_counter() - begun) * 1000, f"ms: {counted[0]} ended cases of the year by a scan")
    if counted != (said["办结"], said["超期办结"], said["办结中补正过"]):
        raise SystemExit(f"the tallies say {said}, the rows {counted}")


def due(scene: Any, cards: Any, wanted: int) -> None:
    """Let the warnings of so many open cases come due (again), and raise them."""
    from django.utils import timezone

    from zhiguan.kernel.flow.models import Card, Case, Step
    from zhiguan.kit.actor import system

    cards.raise_due()
    with system("bench").transaction():
        limited = Case.objects.filter(state="running", policy__limit__gt=0).order_by("pk")
        keys = list(limited.values_list("pk", flat=True)[:wanted])
        Card.objects.filter(case__in=keys, step__isnull=True).delete()
        begun = (timezone.now() - timedelta(days=90)).isoformat()
        Case.objects.filter(pk__in=keys).update(look_at=timezone.now(), clock=[[begun, "start", ""]])
        for model in (Case, Step):
            plan = json.loads(cards.due(model, timezone.now()).explain(format="json", analyze=True))[0]["Plan"]
            read = scanned(plan, model._meta.db_table)
            say(f"flow.due_rows_read_{model._meta.model_name}", read, f"rows read to find what is due, of {len(keys)} due")
            if read > 5 * cards.BATCH:
                raise SystemExit(f"{model.__name__}: finding what is due reads {read} rows: {plan}")
    begun, cpu = time.perf_counter(), spent(scene.data_dir)
    made = cards.raise_due()
    took = time.perf_counter() - begun
    used = f"{spent(scene.data_dir) - cpu:.1f} s CPU of process and server"
    say("flow.raise_due", took, f"s, {made} cards of {len(keys)} cases that came due at once, {used}")
    begun = time.perf_counter()
    cards.raise_due()
    say("flow.raise_due_nothing", (time.perf_counter() - begun) * 1000, "ms when nothing is due")


def scanned(plan: dict[str, Any], table: str) -> int:
    """The rows of a table that a plan read, kept or not."""
    own = plan.get("Relation Name") == table
    read = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"] if own else 0
    return int(read) + sum(scanned(each, table) for each in plan.get("Plans", ()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="steps,race,full")
    parser.add_argument("--timers-only", action="store_true", help="of full size only the clocks")
    parser.add_argument("--closed", type=int, default=1_000_000)
    parser.add_argument("--open", type=int, default=50_000)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--var", type=Path, default=Path(__file__).resolve().parents[1] / "var")
    given = parser.parse_args()
    parts = given.parts.split(",")
    if {"steps", "race"} & set(parts):
        with bureau(given.var) as scene:
            if "steps" in parts:
                steps(scene, given.cases)
            if "race" in parts:
                race(scene, given.seconds)
    if "full" in parts:
        with bureau(given.var, given.closed, given.open) as scene:
            timers(scene, given.open) if given.timers_only else full(scene, given.closed, given.open)


if __name__ == "__main__":
    main()
