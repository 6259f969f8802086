"""Which change of state may follow which: one table for VMs, one for tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_hads.model.run_state import TaskRecord, TaskState, VmRecord, VmState

__all__ = ["TASK_TRANSITIONS", "VM_TRANSITIONS", "task_after", "vm_after"]

VM_TRANSITIONS: Mapping[VmState, frozenset[VmState]] = {
    VmState.PLANNED: frozenset(set(VmState) - {VmState.PLANNED}),
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


def vm_after(known: VmRecord, wanted: VmRecord) -> VmRecord:
    """Return the wanted record of a VM, or the known one where the table forbids the change."""
    if wanted.state is not known.state and wanted.state not in VM_TRANSITIONS[known.state]:
        return known
    return wanted


def task_after(known: TaskRecord, wanted: TaskRecord) -> TaskRecord:
    """Return the wanted record of a task; if it has ended or the table forbids the change, only its attempts.

    A late attempt of a task that has ended is still part of its history.
    """
    allowed = wanted.state is known.state or wanted.state in TASK_TRANSITIONS[known.state]
    if allowed and not known.state.ended:
        return wanted
    return replace(known, attempts=wanted.attempts)
