"""When VMs that have nothing to do are ended: with their allocation cycle, or when nothing can be lost."""

from __future__ import annotations

import math

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import usable, wake_by
from airflow_provider_hads.control.policies.guard import SOON, Guard
from airflow_provider_hads.control.policies.published.queues import Queues
from airflow_provider_hads.control.policies.published.targets import Targets
from airflow_provider_hads.control.remaining import attempt_of, run_seconds
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import VmRecord, VmState

__all__ = ["cycle_end", "retire"]


def cycle_end(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    """Return when a VM's current allocation cycle ends; cycles count the seconds that it is up.

    :param elapsed: seconds since the run's start.
    """
    up = vm.up + (0.0 if vm.since is None else elapsed - vm.since)
    return elapsed + (math.floor(up / ledger.terms.cycle) + 1) * ledger.terms.cycle - up


def retire(
    ledger: Ledger, orders: Orders, elapsed: float, queues: Queues, targets: Targets, guard: Guard
) -> None:
    """End the VMs that are idle, each when its time has come.

    While work on spot VMs may be lost, an idle VM stays as a target for it until its allocation cycle ends,
    less the idle slack; a burstable one, which earns credits, as long as there is such work. Without any,
    all idle VMs end. A VM that sleeps ends when it could do nothing any more, were it resumed now.
    """
    at_risk = _work_at_risk(ledger, orders, queues)
    for market in Market:
        for vm_id in list(ledger.living[market]):
            vm = ledger.vms[vm_id]
            if not usable(orders, vm):
                continue
            if vm.state.asleep:
                if not at_risk or not _can_be_of_use(ledger, queues, vm, elapsed, guard.limit):
                    orders.terminate(vm, Reason.TOO_LATE_TO_WAIT)
            elif targets.is_idle(vm):
                _retire_idle(ledger, orders, elapsed, vm, guard, at_risk=at_risk)


def _retire_idle(
    ledger: Ledger, orders: Orders, elapsed: float, vm: VmRecord, guard: Guard, *, at_risk: bool
) -> None:
    if at_risk and ledger.kind(vm).burstable is not None:
        return
    end = cycle_end(ledger, vm, elapsed) - ledger.terms.idle_slack
    if at_risk and elapsed + SOON < end:
        wake_by(ledger, end)
        return
    reason = Reason.CYCLE_ENDS if at_risk else Reason.VM_IDLE
    if vm.market is Market.SPOT:
        orders.terminate(vm, reason)
    elif not guard.end(vm, reason):
        wake_by(ledger, elapsed + ledger.terms.idle_slack)


def _work_at_risk(ledger: Ledger, orders: Orders, queues: Queues) -> bool:
    """Say whether a spot VM has work, or work waits anywhere."""
    if queues.orphans():
        return True
    spot = [ledger.vms[vm_id] for vm_id in ledger.living[Market.SPOT] if not orders.ending(vm_id)]
    return any(ledger.work[vm.id] or queues.waiting(vm) for vm in spot)


def _can_be_of_use(ledger: Ledger, queues: Queues, vm: VmRecord, elapsed: float, limit: float) -> bool:
    """Say whether a VM that sleeps could end a task by some moment, were it resumed now."""
    for name, task_id in ledger.work[vm.id].items():
        attempt = attempt_of(ledger, task_id, name)
        left = run_seconds(ledger, vm, task_id, elapsed, attempt.progress) - attempt.ran
        if not ledger.tasks[task_id].state.ended and elapsed + left <= limit:
            return True
    if vm.state in (VmState.STOPPING, VmState.STOPPED):
        return False
    order = ledger.terms.order
    waiting = (order[rank] for rank in (*ledger.waiting, *ledger.frozen))
    return any(elapsed + task.runtimes.get(vm.instance_type, math.inf) <= limit for task in waiting)
