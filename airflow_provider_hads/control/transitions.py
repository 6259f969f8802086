"""Which change of state may follow which: one table for VMs, one for tasks."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_hads.control.ledger import amended
from airflow_provider_hads.model.run_state import TaskRecord, TaskState, VmRecord, VmState

__all__ = ["TASK_TRANSITIONS", "VM_TRANSITIONS", "task_after", "vm_after"]

_ENDS = frozenset({VmState.TERMINATED, VmState.LOST})
_ASLEEP = frozenset({VmState.HIBERNATING, VmState.HIBERNATED, VmState.STOPPING, VmState.STOPPED})
_AWAKE = frozenset({VmState.BOOTING, VmState.RESUMED, VmState.READY})

VM_TRANSITIONS: Mapping[VmState, frozenset[VmState]] = {
    VmState.PLANNED: frozenset({VmState.LAUNCHING}) | _AWAKE | _ASLEEP | _ENDS,
    VmState.LAUNCHING: _AWAKE | _ASLEEP | _ENDS,
    VmState.BOOTING: frozenset({VmState.READY}) | _ASLEEP | _ENDS,
    VmState.READY: _ASLEEP | _ENDS,
    VmState.HIBERNATING: frozenset({VmState.HIBERNATED, VmState.STOPPING, VmState.STOPPED}) | _AWAKE | _ENDS,
    VmState.HIBERNATED: frozenset({VmState.STOPPED}) | _AWAKE | _ENDS,
    VmState.RESUMED: frozenset({VmState.READY}) | _ASLEEP | _ENDS,
    VmState.STOPPING: frozenset({VmState.STOPPED, VmState.HIBERNATING, VmState.HIBERNATED}) | _AWAKE | _ENDS,
    VmState.STOPPED: frozenset({VmState.HIBERNATED}) | _AWAKE | _ENDS,
    VmState.TERMINATED: frozenset(),
    VmState.LOST: frozenset({VmState.TERMINATED, VmState.LAUNCHING, VmState.BOOTING}),
}
"""From a VM's state to those it can change to; looks are rare, so steps in between may go unseen.

That a VM stops may be told before that it is being hibernated. A VM is lost, too, when its launch has failed:
the cloud may show it all the same, and then it is adopted.
"""

_TASK_ENDS = frozenset({TaskState.FINISHED, TaskState.FAILED})

TASK_TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.STAGED, TaskState.RUNNING, TaskState.FROZEN}) | _TASK_ENDS,
    TaskState.STAGED: frozenset({TaskState.WAITING, TaskState.RUNNING, TaskState.FROZEN}) | _TASK_ENDS,
    TaskState.RUNNING: frozenset({TaskState.WAITING, TaskState.STAGED, TaskState.FROZEN}) | _TASK_ENDS,
    TaskState.FROZEN: frozenset({TaskState.WAITING, TaskState.STAGED, TaskState.RUNNING}) | _TASK_ENDS,
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
    return amended(known, attempts=wanted.attempts)
