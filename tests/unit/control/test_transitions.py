"""The two tables of what may follow what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.transitions import (
    TASK_TRANSITIONS,
    VM_TRANSITIONS,
    task_after,
    vm_after,
)
from airflow_provider_hads.model.run_state import Attempt, TaskRecord, TaskState, VmState
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import run_state

VM = run_state({"vm-0": ["a"]}).vms["vm-0"]


def test_the_tables_name_every_state() -> None:
    assert set(VM_TRANSITIONS) == set(VmState)
    assert set(TASK_TRANSITIONS) == set(TaskState)


def test_what_has_ended_stays_so() -> None:
    assert VM_TRANSITIONS[VmState.TERMINATED] == frozenset()
    assert all(not TASK_TRANSITIONS[state] for state in TaskState if state.ended)


@pytest.mark.parametrize("before", VmState)
@pytest.mark.parametrize("after", VmState)
def test_a_vm_changes_its_state_by_the_table_only(before: VmState, after: VmState) -> None:
    known = replace(VM, state=before)
    wanted = replace(VM, state=after, reason="because")
    allowed = after is before or after in VM_TRANSITIONS[before]
    assert vm_after(known, wanted) == (wanted if allowed else known)


def test_a_finished_task_takes_a_late_attempt_into_its_history_and_nothing_else() -> None:
    late = (Attempt("a.2", "vm-1", AttemptState.FAILED),)
    known = TaskRecord("a", TaskState.FINISHED)
    wanted = TaskRecord("a", TaskState.FAILED, late, "exit code 1", infrastructure=True)
    assert task_after(known, wanted) == TaskRecord("a", TaskState.FINISHED, late)


def test_a_failed_task_keeps_the_reason_it_failed_for() -> None:
    known = TaskRecord("a", TaskState.FAILED, reason="vm-0 has ended", infrastructure=True)
    assert task_after(known, TaskRecord("a", TaskState.FAILED, reason="exit code 1")) == known


def test_an_allowed_change_is_made_as_it_is() -> None:
    wanted = TaskRecord("a", TaskState.FAILED, reason="exit code 1")
    assert task_after(TaskRecord("a", TaskState.RUNNING), wanted) is wanted
