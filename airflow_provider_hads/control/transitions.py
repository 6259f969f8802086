"""Which change of state may follow which: one table for VMs, one for tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_hads.model.run_state import RunState, TaskRecord, TaskState, VmRecord, VmState

__all__ = ["TASK_TRANSITIONS", "VM_TRANSITIONS", "with_task", "with_vm"]

VM_TRANSITIONS: Mapping[VmState, frozenset[VmState]] = {
    VmState.PLANNED: frozenset({VmState.BOOTING, VmState.READY, VmState.STOPPED, VmState.TERMINATED, VmState.LOST}),
    VmState.BOOTING: frozenset({VmState.READY, VmState.STOPPED, VmState.TERMINATED, VmState.LOST}),
    VmState.READY: frozenset({VmState.STOPPED, VmState.TERMINATED, VmState.LOST}),
    VmState.STOPPED: frozenset({VmState.BOOTING, VmState.READY, VmState.TERMINATED, VmState.LOST}),
    VmState.TERMINATED: frozenset(),
    VmState.LOST: frozenset({VmState.TERMINATED}),
}
"""From a VM's state to those it can change to."""

TASK_TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.STAGED, TaskState.RUNNING, TaskState.FINISHED, TaskState.FAILED}),
    TaskState.STAGED: frozenset({TaskState.WAITING, TaskState.RUNNING, TaskState.FINISHED, TaskState.FAILED}),
    TaskState.RUNNING: frozenset({TaskState.WAITING, TaskState.FINISHED, TaskState.FAILED}),
    TaskState.FINISHED: frozenset(),
    TaskState.FAILED: frozenset(),
}
"""From a task's state to those it can change to; a finished or failed task stays so."""


def with_vm(state: RunState, vm: VmRecord) -> RunState:
    """Return the state with one VM's record replaced; a change that the table forbids is not made."""
    known = state.vms[vm.id]
    if vm.state is not known.state and vm.state not in VM_TRANSITIONS[known.state]:
        return state
    return replace(state, vms={**state.vms, vm.id: vm})


def with_task(state: RunState, task: TaskRecord) -> RunState:
    """Return the state with one task's record replaced; a change that the table forbids keeps the task's state.

    Attempts are taken over in any case: a late attempt of a finished task is still part of its history.
    """
    known = state.tasks[task.id]
    if task.state is not known.state and task.state not in TASK_TRANSITIONS[known.state]:
        task = replace(known, attempts=task.attempts)
    return replace(state, tasks={**state.tasks, task.id: task})
