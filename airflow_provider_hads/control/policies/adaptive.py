"""``adaptive``: the cheapest choice that keeps the run safe; spot VMs while the slack allows."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import pauses_end
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.changeover import (
    ask_for_spot,
    change_over,
    reserve_for_changeovers,
)
from airflow_provider_hads.control.policies.cheaper import takes_all
from airflow_provider_hads.control.policies.common import (
    can_run_any,
    drop_superseded,
    end_all,
    end_idle_spot,
    fill_spot,
    free_vms,
    next_fitting,
    wake_by,
)
from airflow_provider_hads.control.policies.flicker import stay_until
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.control.policies.spot_price import cheaper_types
from airflow_provider_hads.control.policies.spot_width import hasten, widen
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["adaptive"]


LOOKS_PER_BOOT = 4
"""How often in the time of a boot it is looked whether there are enough spot VMs, though none has changed;"""

LEAST_PAUSE = 5.0
"""seconds between two such looks at least, however short a boot is."""

SOON = 1e-3
"""Seconds; what is due within them is due now."""


def adaptive(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Decide by what is seen of the run itself; no rate is known beforehand."""
    if ledger.ended:
        end_all(ledger, orders)
        return
    drop_superseded(ledger, orders)
    guard = Guard(ledger, orders, elapsed, pick=lambda vm: _for_on_demand(ledger, vm, elapsed))
    guard.fill()
    fill_spot(ledger, orders)
    guard.reserve(reserve_for_changeovers(ledger, elapsed))
    guard.act()
    again = _widen(ledger, orders, elapsed, guard.limit)
    wake_by(ledger, again)
    hasten(ledger, orders, elapsed)
    if _only_on_demand_is_left(ledger, elapsed, again):
        guard.begin()
    moved = False
    if ledger.terms.keeps_progress:
        limit = ledger.deadline - ledger.terms.safety
        stay = stay_until(ledger)
        asks = stay is None or elapsed >= stay - SOON
        wake_by(ledger, ask_for_spot(ledger, orders, elapsed, limit) if asks else stay)
        moved = change_over(ledger, orders, elapsed, limit)
    _copy_frozen(ledger, orders)
    if not moved:
        end_idle_spot(ledger, orders)
    guard.end_idle()


def _for_on_demand(ledger: Ledger, vm: VmRecord, elapsed: float) -> tuple[Task, Reason] | None:
    """Return the longest task that waits; where on-demand VMs are cheaper, one that is frozen will do."""
    if (task := next_fitting(ledger, vm, ledger.waiting)) is not None:
        return task, Reason.LONGEST_FIRST
    if not ledger.frozen or not cheaper_types(ledger, elapsed):
        return None
    task = next_fitting(ledger, vm, ledger.frozen)
    return None if task is None else (task, Reason.COPY_OF_FROZEN)


def _widen(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> float | None:
    """See to it that there are enough spot VMs, when a VM has changed and now and then.

    :return: when to look again at the latest (seconds since the run's start): where there was no capacity,
        and where all VMs sleep; the longer they do, the less they are counted on.
    """
    again = max(ledger.terms.boot / LOOKS_PER_BOOT, LEAST_PAUSE)
    known = ledger.widened_at
    if known is not None:
        no_capacity, due = any(until > known for until in ledger.pauses.values()), known + again
        if no_capacity and _stands_still(ledger):
            due = min(due, pauses_end(ledger, elapsed) or elapsed)
        if elapsed < due - SOON:
            return due if no_capacity or _waits_for_sleepers(ledger) else None
    retry = widen(ledger, orders, elapsed, limit)
    ledger.widened_at = elapsed
    if not _waits_for_sleepers(ledger):
        return retry
    return elapsed + again if retry is None else min(retry, elapsed + again)


def _stands_still(ledger: Ledger) -> bool:
    """Say whether work that would go on where it was has no spot VM: every second without one counts."""
    return ledger.terms.keeps_progress and not ledger.living[Market.SPOT]


def _only_on_demand_is_left(ledger: Ledger, elapsed: float, again: float | None) -> bool:
    """Say whether work waits, and no spot VM is there, comes, or will be asked for again.

    To wait then for the latest safe time saves nothing, and costs the time that tasks may take longer. Where
    an on-demand type is cheaper than spot VMs, there are as many of it as are needed already.
    """
    if not ledger.waiting or ledger.living[Market.SPOT] or again is not None:
        return False
    return not takes_all(ledger, elapsed)


def _waits_for_sleepers(ledger: Ledger) -> bool:
    """Say whether work is left and all spot VMs sleep: nothing else may happen till they are replaced."""
    spot = ledger.living[Market.SPOT]
    if not spot or not (ledger.waiting or ledger.frozen):
        return False
    return all(ledger.vms[vm_id].state.asleep for vm_id in spot)


def _copy_frozen(ledger: Ledger, orders: Orders) -> None:
    """Let idle spot slots run tasks again that are frozen elsewhere; the first copy to end counts."""
    if not ledger.frozen:
        return
    for vm in free_vms(ledger, Market.SPOT):
        if ledger.waiting and can_run_any(ledger, ledger.kind(vm), ledger.waiting):
            continue
        while vm.id in ledger.free and not orders.ending(vm.id):
            task = next_fitting(ledger, vm, ledger.frozen)
            if task is None:
                break
            orders.assign(vm, ledger.tasks[task.id], Reason.COPY_OF_FROZEN)
