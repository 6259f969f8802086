"""``adaptive``: the cheapest choice that keeps the run safe; spot VMs while the slack allows."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import (
    drop_superseded,
    end_all,
    free_vms,
    next_fitting,
)
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.control.policies.spot_width import widen
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import TaskState

__all__ = ["adaptive"]


LOOKS_PER_BOOT = 4
"""How often in the time of a boot it is looked whether there are enough spot VMs, though none has changed."""


def adaptive(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Decide by what is seen of the run itself; no rate is known beforehand."""
    if ledger.ended:
        end_all(ledger, orders)
        return
    drop_superseded(ledger, orders)
    guard = Guard(ledger, orders, elapsed)
    guard.fill()
    _fill_spot(ledger, orders)
    guard.act()
    again = _widen(ledger, orders, elapsed, guard.limit)
    if again is not None:
        ledger.wake_at = again if ledger.wake_at is None else min(again, ledger.wake_at)
    _copy_frozen(ledger, orders)
    _end_idle_spot(ledger, orders)
    guard.end_idle()


def _widen(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> float | None:
    """See to it that there are enough spot VMs, when a VM has changed and now and then."""
    known = ledger.widened_at
    if known is not None and elapsed - known < ledger.terms.boot / LOOKS_PER_BOOT:
        return None
    again = widen(ledger, orders, elapsed, limit)
    ledger.widened_at = elapsed
    return again


def _fill_spot(ledger: Ledger, orders: Orders) -> None:
    """Give the free slots of spot VMs the longest tasks that wait."""
    if not ledger.waiting:
        return
    for vm in free_vms(ledger, Market.SPOT):
        while vm.id in ledger.free and not orders.ending(vm.id):
            task = next_fitting(ledger, vm, ledger.waiting)
            if task is None:
                break
            orders.assign(vm, ledger.tasks[task.id], Reason.LONGEST_FIRST)


def _copy_frozen(ledger: Ledger, orders: Orders) -> None:
    """Let idle spot slots run tasks again that are frozen elsewhere; the first copy to end counts."""
    if not ledger.frozen or ledger.waiting:
        return
    for vm in free_vms(ledger, Market.SPOT):
        while vm.id in ledger.free and not orders.ending(vm.id):
            task = next_fitting(ledger, vm, ledger.frozen)
            if task is None:
                break
            orders.assign(vm, ledger.tasks[task.id], Reason.COPY_OF_FROZEN)


def _end_idle_spot(ledger: Ledger, orders: Orders) -> None:
    """End spot VMs that have nothing to do, and hibernated ones that nothing is left for."""
    work_left = bool(ledger.waiting or ledger.frozen)
    for vm_id in list(ledger.living[Market.SPOT]):
        vm = ledger.vms[vm_id]
        idle = vm_id in ledger.free or (vm.state.asleep and not work_left)
        if idle and not any(_is_open(ledger, task_id) for task_id in ledger.work[vm_id].values()):
            orders.terminate(vm, Reason.VM_IDLE)


def _is_open(ledger: Ledger, task_id: str) -> bool:
    return ledger.tasks[task_id].state is not TaskState.FINISHED
