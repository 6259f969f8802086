"""The controller alone: how long a step takes, and how large what it keeps is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from airflow_provider_hads.control import Observation, decide
from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.model.runner import AttemptState, VmStatus
from airflow_provider_hads.runtime.state_document import dump_state
from tests.benchmarks.figures import Figures
from tests.support.control_examples import RULES, at, attempt, done, instance, play, run_state, status

VMS = 8


@pytest.mark.parametrize("tasks", [40, 400, 1000])
def test_step_and_state(tasks: int, figures: Figures) -> None:
    plan = {f"vm-{vm}": [str(task) for task in range(vm, tasks, VMS)] for vm in range(VMS)}
    words = {vm_id: half_done(task_ids) for vm_id, task_ids in plan.items()}
    seen = Observation({vm_id: instance(vm_id) for vm_id in plan}, words)
    published = done(*(f"publish/{task_id}" for task_ids in plan.values() for task_id in task_ids[::2]))
    state, _ = play(run_state(plan), [(10, seen), (11, published)])

    milliseconds = 1000 * best_of_five(lambda: decide(state, seen, at(20), RULES))
    stored = len(json.dumps(dump_state(state))) / 1024
    told = len(json.dumps(snapshot(state))) / 1024
    figures.add(
        f"{tasks} tasks on {VMS} VMs, half of them done: one decision; RunState as stored; snapshot",
        f"{milliseconds:.1f} ms; {stored:.0f} KB; {told:.0f} KB",
        "RunState < 64 KB",
    )


def half_done(task_ids: list[str]) -> VmStatus:
    """Return the word of a VM that has finished every other of its tasks."""
    finished = [attempt(task_id, AttemptState.FINISHED, ran=10.0) for task_id in task_ids[::2]]
    return status(*finished, *(attempt(task_id, AttemptState.RUNNING, ran=5.0) for task_id in task_ids[1::2]))


def best_of_five(work: Callable[[], object]) -> float:
    """Return the seconds of the quickest of five tries."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
