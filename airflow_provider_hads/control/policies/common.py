"""What policies share: leftovers are tidied up, free slots are filled, idle VMs end."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import TaskState, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = [
    "can_run_any",
    "can_run_on",
    "drop_superseded",
    "end_all",
    "end_idle_spot",
    "fill_spot",
    "fits",
    "free_vms",
    "next_fitting",
    "usable",
    "wake_by",
]


def end_all(ledger: Ledger, orders: Orders) -> None:
    """End every VM: all tasks have ended."""
    for market in Market:
        for vm_id in list(ledger.living[market]):
            orders.terminate(ledger.vms[vm_id], Reason.RUN_ENDED)


def drop_superseded(ledger: Ledger, orders: Orders) -> None:
    """Drop the other attempts of tasks of which one has finished."""
    for task_id in ledger.unpublished:
        for attempt in ledger.tasks[task_id].attempts:
            if not attempt.state.ended:
                orders.cancel(ledger.tasks[task_id], attempt, Reason.SUPERSEDED)


def usable(orders: Orders, vm: VmRecord) -> bool:
    """Say whether a VM may get work."""
    return not vm.state.ended and vm.leaves_at is None and not orders.ending(vm.id)


def free_vms(ledger: Ledger, market: Market) -> list[VmRecord]:
    """Return the VMs of a market with free slots, in the order of their launch."""
    free = [ledger.vms[vm_id] for vm_id in ledger.free if ledger.vms[vm_id].market is market]
    return sorted(free, key=lambda vm: vm.sequence)


def can_run_on(kind: InstanceType, task: Task) -> bool:
    """Say whether a type has the memory for a task, and an estimate of its runtime."""
    return kind.name in task.runtimes and task.memory <= kind.memory


def can_run_any(ledger: Ledger, kind: InstanceType, ranks: Iterable[int]) -> bool:
    """Say whether a type has the memory for any of some tasks."""
    order = ledger.terms.order
    return kind.name in ledger.terms.common_types or any(can_run_on(kind, order[rank]) for rank in ranks)


def fits(ledger: Ledger, vm: VmRecord, task: Task) -> bool:
    """Say whether a task can run on a VM beside what runs there."""
    mission, kind = ledger.terms, ledger.kind(vm)
    if not can_run_on(kind, task):
        return False
    at_work = ledger.work[vm.id]
    if mission.most_memory * mission.slots(kind) <= kind.memory:
        return True
    used = sum(mission.job.tasks[task_id].memory for task_id in at_work.values())
    return used + task.memory <= kind.memory * (1 + 1e-9)


def next_fitting(ledger: Ledger, vm: VmRecord, ranks: Iterable[int]) -> Task | None:
    """Return the longest of some tasks that fits on a VM."""
    order = ledger.terms.order
    return next((order[rank] for rank in ranks if fits(ledger, vm, order[rank])), None)


def has_finished_attempt(ledger: Ledger, task_id: str) -> bool:
    """Say whether the task's results are there already, though not published yet."""
    return any(one.state is AttemptState.FINISHED for one in ledger.tasks[task_id].attempts)


def fill_spot(ledger: Ledger, orders: Orders) -> None:
    """Give the free slots of spot VMs the longest tasks that wait."""
    if not ledger.waiting:
        return
    for vm in free_vms(ledger, Market.SPOT):
        while vm.id in ledger.free and not orders.ending(vm.id):
            task = next_fitting(ledger, vm, ledger.waiting)
            if task is None:
                break
            orders.assign(vm, ledger.tasks[task.id], Reason.LONGEST_FIRST)


def end_idle_spot(ledger: Ledger, orders: Orders) -> None:
    """End spot VMs that have nothing to do, and hibernated ones that nothing is left for."""
    work_left = bool(ledger.waiting or ledger.frozen)
    for vm_id in list(ledger.living[Market.SPOT]):
        vm = ledger.vms[vm_id]
        idle = vm_id in ledger.free or (vm.state.asleep and not work_left) or vm.leaves_at is not None
        if idle and not any(_is_open(ledger, task_id) for task_id in ledger.work[vm_id].values()):
            orders.terminate(vm, Reason.VM_IDLE)


def _is_open(ledger: Ledger, task_id: str) -> bool:
    return ledger.tasks[task_id].state is not TaskState.FINISHED


def wake_by(ledger: Ledger, moment: float | None) -> None:
    """Ask to be woken at a moment (seconds since the run's start) at the latest; None asks for nothing."""
    if moment is not None:
        ledger.wake_at = moment if ledger.wake_at is None else min(moment, ledger.wake_at)
