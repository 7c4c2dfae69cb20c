"""The checks of a storm find each thing that must not be."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from local.clock import Clock
from local.outcomes import Message
from local.simulators import voyado
from tests.resilience.assertions import MAX_CYCLE_SECONDS, Findings, Wave, judge
from tests.resilience.calls import WRITES, Operation
from tests.resilience.final_state import FinalState, LastState, Stop
from tests.resilience.plan import Plan, PlannedImport, limit_of, make_plan, make_waves
from tests.resilience.scripts import AWAY, GRACE_SECONDS, MAKERS, Expected

CLOCK = Clock(10.0, origin=1_000.0, began=1_000.0)
EXECUTION = "arn:execution"


def message_of(one: Any, seen: Expected) -> Message:
    data = {"outcome": seen.outcome, "reason": seen.reason, "message": "", "correlationId": f"storm-{one.import_id}"}
    return Message({"id": f"id-{one.import_id}", "subject": one.watch_id, "data": data}, {})


def passed(plan: Plan) -> FinalState:
    """Final state of a storm without a failure."""
    return FinalState(
        messages={one.watch_id: [message_of(one, one.script.expected)] for one in plan.imports},
        items={one.watch_id: {"generation": 2} for one in plan.imports} | {"voyado#v-1": {"activeWatches": 0}},
        polled_at={one.import_id: [1_010.0] for one in plan.imports},
        published={one.import_id: [1_002.0] for one in plan.imports},
        stops=[],
        last_states={},
        restarts=[],
        recovered=Counter(),
        handed_over=0,
        operations=WRITES,
        struck=Counter(),
        outages=Counter(),
        vendor_faults={},
        kept={"the logs of the functions": "poll failed"},
        seconds=1.0,
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(len(MAKERS), 1)


@pytest.fixture
def after(plan: Plan) -> FinalState:
    return passed(plan)


def findings(plan: Plan, after: FinalState) -> Findings:
    return judge([Wave(plan, after, CLOCK)])


def test_a_storm_without_failures_passes(plan: Plan, after: FinalState) -> None:
    assert findings(plan, after).wrong == ()
    assert ("outcomes right", f"{len(MAKERS)} of {len(MAKERS)}") in findings(plan, after).table


def test_calls_that_are_not_recognised_are_wrong(plan: Plan, after: FinalState) -> None:
    without = replace(after, operations=WRITES - {Operation.SAVE})
    assert findings(plan, without).wrong == ("no call was recognised as 'save a poll'",)


def test_the_same_seed_is_the_same_storm() -> None:
    assert make_plan(40, 3) == make_plan(40, 3)
    assert make_plan(40, 3) != make_plan(40, 4)


def test_waves_share_no_import_and_leave_none_out() -> None:
    waves = make_waves(250, 3)
    assert [len(wave.imports) for wave in waves] == [83, 83, 84]
    assert len({one.import_id for wave in waves for one in wave.imports}) == 250


def test_a_storm_has_all_kinds_of_scripts(plan: Plan) -> None:
    assert len({one.script.kind for one in plan.imports}) == len(MAKERS)


def lose(after: FinalState, watch: str) -> None:
    del after.messages[watch]


def rename(after: FinalState, watch: str) -> None:
    again = copy.deepcopy(after.messages[watch][0])
    again.event["id"] = "another"
    after.messages[watch].append(again)


def change_outcome(after: FinalState, watch: str) -> None:
    again = copy.deepcopy(after.messages[watch][0])
    again.event["data"]["reason"] = "another"
    after.messages[watch].append(again)


def break_it(after: FinalState, watch: str) -> None:
    after.messages[watch][0].event["data"].update(outcome="UNKNOWN", reason="WATCH_BROKEN")


def stop_without_request(after: FinalState, watch: str) -> None:
    after.messages[watch][0].event["data"].update(outcome="UNKNOWN", reason="WATCH_STOPPED")


def repeat_from_nowhere(after: FinalState, watch: str) -> None:
    after.messages[watch].append(after.messages[watch][0])


def stay_active(after: FinalState, watch: str) -> None:
    after.items[watch]["active"] = "ACTIVE#7"


def stay_unpublished(after: FinalState, watch: str) -> None:
    after.items[watch]["unpublished"] = "UNPUBLISHED"


def miscount(after: FinalState, watch: str) -> None:  # noqa: ARG001
    after.items["voyado#v-1"]["activeWatches"] = -1


def exceed_the_rate_limit(after: FinalState, watch: str) -> None:
    import_id = watch.rpartition("#")[2]
    limit = limit_of(watch.split("#")[1])
    after.polled_at[import_id] = [2_000.0 + 59.0 * number / limit for number in range(limit + 1)]


def leak(after: FinalState, watch: str) -> None:  # noqa: ARG001
    after.kept["the table"] = json.dumps({"key": voyado.API_KEY})


def read_no_logs(after: FinalState, watch: str) -> None:  # noqa: ARG001
    after.kept["the logs of the functions"] = ""


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lose, "no outcome was published"),
        (rename, "2 ids"),
        (change_outcome, "was published as"),
        (break_it, "is UNKNOWN/WATCH_BROKEN, not"),
        (stop_without_request, "is UNKNOWN/WATCH_STOPPED, not"),
        (repeat_from_nowhere, "was published 1 times and got 2 times"),
        (stay_active, "still active"),
        (stay_unpublished, "is not published"),
        (miscount, "counts -1 active watches"),
        (exceed_the_rate_limit, "its limit is"),
        (leak, "a secret is in the table"),
        (read_no_logs, "logs were not read"),
    ],
)
def test_what_must_not_be_is_found(
    harm: Callable[[FinalState, str], None], words: str, plan: Plan, after: FinalState
) -> None:
    harm(after, plan.imports[0].watch_id)
    wrong = findings(plan, after).wrong
    assert len(wrong) >= 1
    assert words in " ".join(wrong)


@pytest.mark.parametrize(
    ("state", "generation", "awaits_log", "right"),
    [
        ("WaitForPoll", 2, False, {"WATCH_STOPPED"}),
        ("WaitForPoll", 2, True, {"script"}),
        ("PollVendor", 2, True, {"script"}),
        ("PollVendor", 2, False, {"WATCH_STOPPED", "script"}),
        ("WaitForPoll", 1, False, {"script"}),
        ("PollVendor", 1, False, {"script"}),
    ],
)
@pytest.mark.parametrize("seen", ["WATCH_STOPPED", "script"])
def test_outcomes_that_a_stopped_import_may_have(
    state: str, generation: int, awaits_log: bool, right: set[str], seen: str, plan: Plan, after: FinalState
) -> None:
    one = plan.imports[0]
    after.stops = [Stop(one.import_id, EXECUTION, generation, 1_001.0)]
    after.last_states = {EXECUTION: LastState(state, awaits_log)}
    if seen == "WATCH_STOPPED":
        stop_without_request(after, one.watch_id)
    assert (findings(plan, after).wrong == ()) == (seen in right)


def test_recovery_is_timed_to_the_next_sign_of_a_watch(plan: Plan, after: FinalState) -> None:
    one = plan.imports[0]
    after.restarts = [(1_001.5, [one.import_id])]
    after.polled_at[one.import_id] = [1_010.0, 1_030.0]
    rows = dict(findings(plan, after).table)
    # Its clock is ten times as fast: 1,030 of its seconds are 1,003 of the machine's; the publication was before.
    assert rows["recovery from a restart of the emulator (1): p50, p95, max"].startswith("0.5, 0.5, 0.5 s")


def away_twice(plan: Plan) -> PlannedImport:
    return next(one for one in plan.imports if one.script.kind == "is away twice")


AWAY_AT_THE_END = [1_010.0, 1_020.0, 1_050.0, 1_080.0, 1_200.0, 1_210.0, 1_220.0, 1_230.0]
"""One good response, three failed polls, three good ones, and a failed one."""


GRACE_EXPIRED, OF_THE_SCRIPT = Expected("UNKNOWN", "VENDOR_UNAVAILABLE"), Expected("SUCCEEDED")


@pytest.mark.parametrize(
    ("polls", "right"),
    [
        pytest.param([0, 30, 90, 210], {OF_THE_SCRIPT}, id="not for so long"),
        pytest.param([0, 30, 90, 210, 450], {GRACE_EXPIRED, OF_THE_SCRIPT}, id="polled in time, or perhaps too late"),
        pytest.param([0, GRACE_SECONDS], {OF_THE_SCRIPT}, id="two polls"),
        pytest.param([0, 30, 10 * GRACE_SECONDS], {OF_THE_SCRIPT}, id="no poll for most of it"),
    ],
)
def test_errors_prolonged_by_own_downtime_may_end_the_watch(
    plan: Plan, after: FinalState, polls: Sequence[float], right: set[Expected]
) -> None:
    twice = away_twice(plan)
    script = replace(twice.script, steps=({"polls": len(polls), **AWAY}, *twice.script.steps[-1:]))
    one = replace(twice, script=script)
    after.polled_at[one.import_id] = [1_010.0 + seconds for seconds in polls]
    for seen in (GRACE_EXPIRED, OF_THE_SCRIPT):
        after.messages[one.watch_id] = [message_of(one, seen)]
        assert (findings(replace(plan, imports=(one,)), after).wrong == ()) is (seen in right)


def test_no_cycle_is_longer_than_the_assumed_maximum() -> None:
    for wave in make_waves(1_000, 1):
        for name, watches in Counter(one.connection for one in wave.imports).items():
            assert 60 * watches / (limit_of(name) / 2) <= MAX_CYCLE_SECONDS


def test_no_grace_period_expires_during_good_responses(plan: Plan, after: FinalState) -> None:
    one = away_twice(plan)
    after.polled_at[one.import_id] = [*AWAY_AT_THE_END, 1_260.0, 1_290.0, 1_300.0 + GRACE_SECONDS]
    assert findings(plan, after).wrong == ()
    after.messages[one.watch_id] = [message_of(one, Expected("UNKNOWN", "VENDOR_UNAVAILABLE"))]
    assert len(findings(plan, after).wrong) == 1
