"""What supervision starts with."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import pytest

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.model import Market, Placement, PlannedVm, RunIdentity
from airflow_provider_hads.model.run_state import RunState, TaskState, VmState
from airflow_provider_hads.runtime.first_state import (
    deployment_report,
    first_state,
    planned_vm_to_xcom,
    vm_record,
)
from airflow_provider_hads.runtime.run_context import RunContext
from tests.support.control_examples import START

RUN = RunContext(RunIdentity("7", 0, "uid-1", "bucket"), 0, START, 1000, margin=600, boot_timeout=300)
PLANNED = [
    PlannedVm("vm-0", "small", Market.SPOT, 0.03, (Placement("b", 0, 5, 9), Placement("a", 0, 0, 5))),
    PlannedVm("vm-1", "big", Market.ON_DEMAND, 0.1, (Placement("c", 0, 0, 5),)),
]


def start(*reports: dict[str, Any], finished: Container[str] = (), adopt: bool = False) -> RunState:
    handed_on = json.loads(json.dumps([planned_vm_to_xcom(number, vm) for number, vm in enumerate(PLANNED)]))
    return first_state(RUN, ["a", "b", "c"], finished, handed_on, reports, adopt=adopt)


def test_all_vms_are_planned_and_all_tasks_wait() -> None:
    state = start(deployment_report("vm-0", "i-1", deployed=True), deployment_report("vm-1", "i-2"))
    assert {vm.state for vm in state.vms.values()} == {VmState.PLANNED}
    assert {task.state for task in state.tasks.values()} == {TaskState.WAITING}
    assert (state.started_at, state.deadline, state.epoch) == (START, 1000, 0)


def test_a_vms_tasks_are_in_the_order_in_which_they_start() -> None:
    record = start().vms["vm-0"]
    assert record.task_ids == ("a", "b")
    assert (record.sequence, record.instance_type, record.market, record.price) == (
        0,
        "small",
        Market.SPOT,
        0.03,
    )


def test_a_vm_in_baseline_mode_stays_in_it() -> None:
    slow = PlannedVm("vm-0", "t3", Market.ON_DEMAND, 0.01, (Placement("a", 0, 0, 5),), cpu_share=0.25)
    assert vm_record(json.loads(json.dumps(planned_vm_to_xcom(0, slow)))).cpu_share == 0.25
    assert vm_record(planned_vm_to_xcom(0, PLANNED[0])).cpu_share is None


def test_a_vm_that_was_refused_is_given_up_with_the_reason() -> None:
    state = start(deployment_report("vm-1", None, reason="InsufficientInstanceCapacity"))
    assert [vm.state for vm in state.vms.values()] == [VmState.PLANNED, VmState.LOST]
    assert state.vms["vm-1"].reason == "InsufficientInstanceCapacity"


def test_what_was_published_before_the_run_was_cleared_is_not_done_again() -> None:
    assert [task.id for task in start(finished={"b"}).tasks.values() if task.state.ended] == ["b"]


def test_a_run_is_handed_on_as_json() -> None:
    assert RunContext.from_xcom(json.loads(json.dumps(RUN.to_xcom()))) == RUN


def test_without_a_run_the_message_says_where_to_look() -> None:
    with pytest.raises(HadsError, match="See its log"):
        RunContext.from_xcom(None)


def test_with_a_policy_the_plans_tasks_wait_in_the_queues_of_its_vms() -> None:
    state = start(
        deployment_report("vm-0", "i-1", deployed=True), deployment_report("vm-1", "i-2"), adopt=True
    )
    assert {task.state for task in state.tasks.values()} == {TaskState.STAGED}
    assert [(one.id, one.vm_id) for task in state.tasks.values() for one in task.attempts] == [
        ("a.1", "vm-0"),
        ("b.1", "vm-0"),
        ("c.1", "vm-1"),
    ]


def test_with_a_policy_the_tasks_of_a_vm_that_was_refused_wait_for_another() -> None:
    state = start(deployment_report("vm-1", None, reason="InsufficientInstanceCapacity"), adopt=True)
    assert state.tasks["c"].state is TaskState.WAITING
    assert state.tasks["c"].attempts == ()


def test_with_a_policy_a_task_that_the_plan_has_no_vm_for_waits_too() -> None:
    state = first_state(RUN, ["a"], (), [], [], adopt=True)
    assert state.tasks["a"].state is TaskState.WAITING
