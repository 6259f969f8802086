"""The state as a document for Airflow's task state store."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_hads.control import Observation
from airflow_provider_hads.model.run_state import Setback
from airflow_provider_hads.model.runner import AttemptState
from airflow_provider_hads.runtime.state_document import dump_state, load_state
from tests.support.control_examples import (
    attempt,
    done,
    instance,
    play,
    run_state,
    shown,
    status,
)


def size(document: dict[str, Any]) -> int:
    return len(json.dumps(document).encode())


def busy_job(tasks: int, state: AttemptState) -> Observation:
    """Return what 20 VMs report of a job, with figures as they come in real life."""
    dice = random.Random(7)
    reports: dict[str, list[Any]] = {}
    for task in range(tasks):
        reported = attempt(str(task), state, ran=dice.uniform(1, 1000), error="")
        reports.setdefault(f"vm-{task % 20}", []).append(reported)
    return Observation(statuses={vm_id: status(*reported) for vm_id, reported in reports.items()})


def plan(tasks: int) -> dict[str, list[str]]:
    return {f"vm-{vm}": [str(task) for task in range(vm, tasks, 20)] for vm in range(20)}


@pytest.mark.parametrize("tasks", [3, 400])
@pytest.mark.parametrize("reported", [AttemptState.QUEUED, AttemptState.RUNNING, AttemptState.FINISHED])
def test_what_is_written_is_read_again(tasks: int, reported: AttemptState) -> None:
    first = run_state(plan(tasks))
    state, _ = play(
        first, [(1, shown(*(instance(vm_id) for vm_id in first.vms))), (9, busy_job(tasks, reported))]
    )
    state = replace(state, setbacks={"publish/0": Setback(3, 17.5)}, epoch=4, deadline_missed=True)
    text = json.dumps(dump_state(state))
    assert load_state(json.loads(text)) == state


@pytest.mark.parametrize("reported", [AttemptState.QUEUED, AttemptState.RUNNING, AttemptState.FINISHED])
def test_400_tasks_need_less_than_64_kilobytes(reported: AttemptState) -> None:
    first = run_state(plan(400))
    looks = [(1.0, shown(*(instance(vm_id) for vm_id in first.vms))), (9.25, busy_job(400, reported))]
    state, _ = play(first, looks)
    assert size(dump_state(state)) < 32 * 1024
    published, _ = play(state, [(20, done(*(f"publish/{task}" for task in range(400))))])
    assert size(dump_state(published)) < 32 * 1024


def test_a_small_state_is_written_in_plain_text_for_people_to_read() -> None:
    document = dump_state(run_state({"vm-0": ["a", "b"]}))
    assert document["state"]["vms"]["vm-0"]["task_ids"] == ["a", "b"]


def test_what_is_as_it_always_begins_is_not_written() -> None:
    assert dump_state(run_state({"vm-0": ["a"]}))["state"]["tasks"] == {"a": {"id": "a"}}
