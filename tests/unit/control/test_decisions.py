"""What is remembered of decisions, and how they read in the log."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_hads.control import (
    Action,
    AssignTask,
    CancelAttempt,
    DeployVm,
    LaunchVm,
    PublishResults,
    Reason,
    RenewLease,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.control.decisions import (
    MOST_DECISIONS,
    PART_OF_DECISIONS,
    all_decisions,
    first_number,
    in_words,
    with_decisions,
)
from airflow_provider_hads.control.reasons import explain
from airflow_provider_hads.control.snapshot import decision_document, snapshot
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import Decision
from tests.support.control_examples import run_state

LAUNCH = LaunchVm("vm-3", 3, "c5.large", Market.SPOT, Reason.SPOT_FOR_OPEN_WORK)
ASSIGN = AssignTask("vm-3", "a", "a.2", Reason.MIGRATED)
EXPIRY = datetime(2026, 3, 1, tzinfo=timezone.utc)


def test_a_decision_is_remembered_with_its_reason_and_counted() -> None:
    state = with_decisions(run_state({"vm-0": ["a"]}), [LAUNCH, ASSIGN], 12.345)
    assert state.decisions == (
        Decision(12.3, "launch", "vm-3", "spot-for-open-work"),
        Decision(12.3, "assign", "vm-3", "migrated", "a.2"),
    )
    assert state.decided == {"spot-for-open-work": 1, "migrated": 1}


def test_upkeep_is_no_decision() -> None:
    state = run_state({"vm-0": ["a"]})
    upkeep: list[Action] = [
        DeployVm("vm-0", (), Reason.VM_WITHOUT_RUNNER),
        RenewLease("vm-0", EXPIRY),
        PublishResults("a", "a.1", ()),
    ]
    assert with_decisions(state, upkeep, 5) is state


def test_the_last_ones_are_kept_and_all_are_counted() -> None:
    state = run_state({"vm-0": ["a"]})
    for number in range(MOST_DECISIONS + 5):
        state = with_decisions(state, [ASSIGN], number)
    assert len(state.decisions) == MOST_DECISIONS
    assert state.decisions[0].at == 5
    assert state.decided == {"migrated": MOST_DECISIONS + 5}


def test_of_many_at_once_none_is_lost_nor_what_is_no_whole_part_before_them() -> None:
    state = with_decisions(run_state({"vm-0": ["a"]}), [ASSIGN] * (MOST_DECISIONS - 1), 1)
    state = with_decisions(state, [ASSIGN] * (MOST_DECISIONS + 50), 2)
    at_once = [one for one in state.decisions if one.at == 2]
    assert len(at_once) == MOST_DECISIONS + 50
    assert len(state.decisions) == len(at_once) + PART_OF_DECISIONS
    assert first_number(state) == MOST_DECISIONS - 1 - PART_OF_DECISIONS


def test_parts_and_the_snapshot_make_the_whole_with_each_decision_once() -> None:
    state = run_state({"vm-0": ["a"]})
    made: list[dict[str, object]] = []
    for number in range(MOST_DECISIONS + 250):
        state = with_decisions(state, [ASSIGN], number)
        made.append(decision_document(state.decisions[-1]))
    kept = {start: made[start : start + PART_OF_DECISIONS] for start in (0, 100, 200, 300)}
    assert all_decisions(kept, snapshot(state)) == made
    assert all_decisions(kept, {}) == made[:400]
    assert all_decisions({}, snapshot(state)) == made[250:]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (LAUNCH, "launch vm-3 (c5.large, spot) (spot-for-open-work)"),
        (ASSIGN, "assign a.2 to vm-3 (migrated)"),
        (StealTask("vm-1", "a", "a.1", Reason.STOLEN), "steal a.1 from vm-1 (stolen)"),
        (CancelAttempt("vm-1", "a", "a.1", Reason.DROPPED), "drop a.1 on vm-1 (dropped)"),
        (TerminateVm("vm-1", Reason.VM_IDLE), "terminate vm-1 (vm-idle)"),
        (RenewLease("vm-1", EXPIRY), "renew the lease of vm-1 (lease-ending)"),
        (DeployVm("vm-1", (), Reason.VM_WITHOUT_RUNNER), "deploy vm-1 (vm-without-runner)"),
        (PublishResults("a", "a.1", ()), "publish a.1 (attempt-finished)"),
    ],
)
def test_each_action_reads_as_a_line(action: Action, words: str) -> None:
    assert in_words(action) == words


def test_a_reason_is_explained_where_an_attempt_can_have_it() -> None:
    assert explain("migrated") == "migrated: its own VM was interrupted"
    assert explain("vm-idle") == "vm-idle"
