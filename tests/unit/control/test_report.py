"""What a run cost, how long it took, and what it would have cost otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_hads.control import Observation, Reason, TerminateVm
from airflow_provider_hads.control.decisions import MOST_DECISIONS, with_decisions
from airflow_provider_hads.control.report import make_report, render_report
from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import Miss
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import (
    NOTHING,
    at,
    attempt,
    done,
    heard,
    instance,
    play,
    run_state,
    shown,
    told,
)

FIGURES = {
    "deadline": 1000.0,
    "cost": 0.02,
    "on_demand_cost": 0.1,
    "prices": {"vm-0": 0.36},
    "market_prices": {"small": {"spot": 0.3, "on-demand": 1.2}},
}
PLANNED = run_state({"vm-0": ["a", "b"]})
FIRST = replace(PLANNED, vms={"vm-0": replace(PLANNED.vms["vm-0"], price=0.36)})
BOTH_DONE = heard("vm-0", attempt("a", AttemptState.FINISHED), attempt("b", AttemptState.FINISHED))
GOOD = [(1.0, shown(instance())), (500.0, BOTH_DONE), (501.0, done("publish/a", "publish/b"))]
VM = {
    "vm_id": "vm-0",
    "instance_id": "i-vm-0",
    "instance_type": "small",
    "market": "spot",
    "launched_at": at(0).isoformat(),
    "ended_at": at(600).isoformat(),
}


def report(*steps: tuple[float, Observation], vm_ended: float = 600) -> dict[str, Any]:
    state, _ = play(FIRST, steps)
    made = make_report("7_0", snapshot(state), FIGURES, [{**VM, "ended_at": at(vm_ended).isoformat()}])
    assert json.loads(json.dumps(made)) == made
    return made


def test_a_vm_costs_from_its_launch_to_its_end() -> None:
    made = report(*GOOD)
    assert made["cost"] == pytest.approx(600 * 0.36 / 3600)
    assert made["vms"][0]["seconds"] == 600


def test_a_vm_that_was_seen_to_end_earlier_is_paid_for_no_longer() -> None:
    gone = (550.0, shown(instance(state=InstanceState.TERMINATED)))
    assert report(*GOOD, gone)["vms"][0]["seconds"] == 550


def test_the_deadline_is_met_when_all_tasks_finished_in_time() -> None:
    made = report(*GOOD)
    assert (made["makespan"], made["deadline_met"], made["finished"], made["failed"]) == (500, True, 2, {})


def test_a_late_end_misses_the_deadline() -> None:
    made = report(GOOD[0], (1200.0, BOTH_DONE), (1201.0, done("publish/a", "publish/b")))
    assert (made["makespan"], made["deadline_met"]) == (1200, False)
    assert "1200.0 s after the start; deadline missed" in render_report(made)


def test_a_run_with_a_failed_task_did_not_meet_its_deadline() -> None:
    one = heard("vm-0", attempt("a", AttemptState.FINISHED), attempt("b", AttemptState.FAILED, exit_code=3))
    made = report(GOOD[0], (500.0, one), (501.0, done("publish/a")))
    assert made["failed"] == {"b": "exit code 3 on vm-0"}
    assert not made["deadline_met"]
    assert "500.0 s after the start; not all tasks finished by the deadline" in render_report(made)


def test_a_run_without_a_plan_has_a_report_too() -> None:
    made = make_report("7_0", {}, {}, [])
    assert (made["cost"], made["makespan"], made["deadline_met"], made["tasks"]) == (0, None, False, 0)
    assert "No VM was launched." in render_report(made)


def test_the_text_names_cost_failures_and_the_comparison() -> None:
    text = render_report(report(*GOOD))
    assert "Tasks: 2 of 2 finished" in text
    assert "Last task finished 500.0 s after the start; deadline met" in text
    assert "Cost: $0.06000, boot included" in text
    assert "The same VMs on demand: $0.20000; saved 70.0 %" in text
    assert "Cheapest plan found on on-demand VMs only, none burstable: $0.10000 by the estimates" in text
    text = render_report(report(GOOD[0], (1700.0, NOTHING)))
    assert "Tasks: 0 of 2 finished" in text
    assert "task a failed: given up 600 s after the deadline" in text


def test_the_time_hibernated_costs_nothing() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    made = report(GOOD[0], (100.0, asleep), (300.0, shown(instance(launched=290))), *GOOD[1:])
    assert (made["vms"][0]["seconds"], made["vms"][0]["slept"]) == (400, 200)
    assert made["vms"][0]["launched_at"] == at(0).isoformat(), "the cloud tells its last start only"


def test_a_vm_that_ends_asleep_has_cost_nothing_since_it_fell_asleep() -> None:
    made = report(*GOOD, (520.0, shown(instance(state=InstanceState.STOPPED, reason="hibernated"))))
    assert made["vms"][0]["seconds"] == 520


def test_a_vm_that_the_controller_never_saw_costs_what_its_market_does() -> None:
    vm = {**VM, "vm_id": "vm-9", "instance_id": "i-9", "ended_at": at(3600).isoformat()}
    assert make_report("7_0", {}, FIGURES, [vm])["cost"] == pytest.approx(0.3)


def test_nor_if_it_was_ended_asleep_and_the_cloud_tells_an_earlier_end() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    gone = shown(instance(state=InstanceState.TERMINATED))
    assert report(*GOOD, (520.0, asleep), (560.0, gone), vm_ended=557)["vms"][0]["seconds"] == 520


WHILE_NOBODY_LOOKED = [
    (520.0, shown(instance(state=InstanceState.STOPPED, reason="hibernated"))),
    (600.0, shown(instance(instance_id="i-2"))),
    (640.0, shown(instance(instance_id="i-2", state=InstanceState.TERMINATED))),
]
"""A VM fell asleep, woke at 550 s, and was ended by the cloud at 557 s; another follows it, and ends too."""


def test_a_vm_that_woke_and_ended_while_nobody_looked_costs_what_the_cloud_tells_of_later() -> None:
    awake, gone = told(InstanceState.RUNNING, 550), told(InstanceState.TERMINATED, 557)
    late = (601.0, Observation(events=(told(InstanceState.STOPPING, 520), awake, gone)))
    made = report(*GOOD, *WHILE_NOBODY_LOOKED[:2], late, WHILE_NOBODY_LOOKED[2], vm_ended=557)
    assert made["vms"][0]["seconds"] == 527


def test_where_the_cloud_tells_nothing_it_was_asleep_until_another_one_was_seen_in_its_place() -> None:
    assert report(*GOOD, *WHILE_NOBODY_LOOKED, vm_ended=557)["vms"][0]["seconds"] == 520


def test_a_vm_that_the_controller_never_saw_asleep_was_so_from_when_the_cloud_tells() -> None:
    vm = {**VM, "vm_id": "vm-9", "instance_id": "i-9", "stopped_at": at(240).isoformat()}
    assert make_report("7_0", {}, FIGURES, [vm])["vms"][0]["seconds"] == 240


def test_what_was_launched_in_a_vms_place_does_not_pay_for_the_sleep_that_the_cloud_tells_of() -> None:
    moments = {30: InstanceState.STOPPING, 50: InstanceState.RUNNING, 400: InstanceState.STOPPED}
    events = tuple(told(state, moment, "vm-9") for moment, state in moments.items())
    state, _ = play(FIRST, [(410.0, Observation(events=events))])
    follower = {**VM, "vm_id": "vm-9", "instance_id": "i-vm-9"}
    made = make_report("7_0", snapshot(state), FIGURES, [follower])
    assert made["vms"][0]["seconds"] == 380.0


def test_what_ended_after_a_resume_was_launched_when_the_cloud_has_first_told_of_it() -> None:
    """Of an instance that has ended, EC2 shows the time of the last start as that of its launch."""
    moments = {10: InstanceState.PENDING, 30: InstanceState.STOPPING, 50: InstanceState.PENDING}
    events = tuple(told(state, moment, "vm-9") for moment, state in moments.items())
    state, _ = play(FIRST, [(410.0, Observation(events=events))])
    replaced = {**VM, "vm_id": "vm-9", "instance_id": "i-vm-9", "launched_at": at(50).isoformat()}
    made = make_report("7_0", snapshot(state), FIGURES, [replaced])["vms"][0]
    assert made["launched_at"] == at(10).isoformat()
    assert made["seconds"] == (datetime.fromisoformat(VM["ended_at"]) - at(50)).total_seconds() + 20


def test_so_was_a_vm_of_which_the_controller_has_heard_late() -> None:
    resumed = shown(instance(launched=50))
    events = Observation(events=(told(InstanceState.PENDING, 10), told(InstanceState.STOPPING, 30)))
    state, _ = play(FIRST, [(60.0, resumed), (61.0, events)])
    assert state.vms["vm-0"].launched_at == at(10)


def test_every_decision_is_told_with_what_its_vm_costs_and_would_cost_on_demand() -> None:
    decided = with_decisions(FIRST, [TerminateVm("vm-0", Reason.VM_IDLE)], 55.04)
    state, _ = play(decided, GOOD)
    made = make_report("7_0", snapshot(state), FIGURES, [VM])
    assert made["decisions"] == [
        {
            "at": 55.0,
            "action": "terminate",
            "vm": "vm-0",
            "attempt": "",
            "reason": "vm-idle",
            "price": 0.36,
            "on_demand_price": 1.2,
        }
    ]
    assert "Decisions: 1 vm-idle" in render_report(made)


def test_decisions_that_the_snapshot_has_no_more_are_told_too() -> None:
    state = FIRST
    for number in range(MOST_DECISIONS + 2):
        state = with_decisions(state, [TerminateVm("vm-0", Reason.VM_IDLE)], number)
    seen = snapshot(state)
    first = [{**seen["decisions"][0], "at": float(number)} for number in range(100)]
    made = make_report("7_0", seen, FIGURES, [VM], {0: first})
    assert [one["at"] for one in made["decisions"]] == [*range(MOST_DECISIONS + 2)]
    assert {one["price"] for one in made["decisions"]} == {0.36}
    assert "not told one by one" not in render_report(made)
    assert "2 of these are not told one by one" in render_report(make_report("7_0", seen, FIGURES, [VM]))


def test_a_miss_is_told_with_when_it_was_certain_and_why() -> None:
    missed = replace(FIRST, miss=Miss(300.0, 1100.0, "task b can't end before 1100 s"))
    made = make_report("7_0", snapshot(missed), FIGURES, [VM])
    assert made["miss"] == {"at": 300.0, "end": 1100.0, "reason": "task b can't end before 1100 s"}
    sentence = "The deadline was known to be missed 300.0 s after the start: task b can't end before 1100 s"
    assert sentence in render_report(made)
    assert report(*GOOD)["miss"] is None
    assert "known to be missed" not in render_report(report(*GOOD))
