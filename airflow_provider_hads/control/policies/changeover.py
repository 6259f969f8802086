"""From on-demand back to spot: work that keeps its progress goes on where it is cheaper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.backstop import doubted_seconds, find_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import paused, pauses_end, room
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import (
    can_run_any,
    can_run_on,
    fits,
    free_vms,
    next_fitting,
    usable,
)
from airflow_provider_hads.control.remaining import attempt_of, done_share, expected_end
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["ask_for_spot", "change_over", "is_safe_without", "reserve_for_changeovers", "working_on_demand"]

PRIOR_HAZARD = 1 / 36000
"""Interruptions a second of a VM, before any was seen."""

RESERVED_SHARE = 1.0
"""Part of the changeovers that are expected for which time is kept."""

LONG_BOOTS = 10.0
"""A task is long if it takes more than so many boots."""

LEAST_STAY = 1.0
"""Seconds for which work that is moved can stay at least, before it is due on an on-demand VM again."""

WORTH_BOOTS = 2.0
"""Work is moved if it would take more than so many boots where it is."""


def working_on_demand(ledger: Ledger, orders: Orders, elapsed: float) -> list[VmRecord]:
    """Return the on-demand VMs whose work is long enough to be moved."""
    vms = [ledger.vms[vm_id] for vm_id in ledger.living[Market.ON_DEMAND]]
    least = WORTH_BOOTS * ledger.terms.boot
    return [vm for vm in vms if usable(orders, vm) and _seconds_left(ledger, vm, elapsed) > least]


def reserve_for_changeovers(ledger: Ledger, elapsed: float) -> float:
    """Return the seconds to keep for going back to spot, and to on-demand again, as often as is expected.

    Whoever waits for spot until no time is left has to stay on on-demand VMs once they are launched. Work
    that runs on spot VMs does not wait: it stays there as long as it is safe, for it loses no time.
    """
    if not ledger.terms.keeps_progress or not ledger.waiting:
        return 0.0
    hazard = ledger.weather.all.hazard(elapsed, PRIOR_HAZARD, 1.0)
    lefts = (
        (1 - ledger.tasks[task.id].saved) * max(task.runtimes.values())
        for task in ledger.terms.order
        if not ledger.tasks[task.id].state.ended
    )
    left = max(lefts, default=0.0)
    return (
        RESERVED_SHARE * ledger.terms.boot * (1 + hazard * left)
        if left > LONG_BOOTS * ledger.terms.boot
        else 0.0
    )


def ask_for_spot(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> float | None:
    """Ask for spot VMs for the work of on-demand VMs, where it could be moved.

    :param limit: seconds since the run's start by which all is to be done.
    :return: when to ask again (seconds since the run's start), for want of capacity.
    """
    working = [
        vm
        for vm in working_on_demand(ledger, orders, elapsed)
        if _is_dearer(ledger, vm) and is_safe_without(ledger, vm, elapsed, limit)
    ]
    wanted = sum(len(ledger.work[vm.id]) for vm in working) - _free_slots(ledger, orders)
    if wanted <= 0:
        return None
    kinds = _to_be_had(ledger, working, wanted, elapsed)
    coming = [*kinds, *_starting(ledger, orders)]
    # A VM's work is moved as a whole: where there is no place for that of any, spot VMs would only idle.
    if any(_has_place(ledger, vm, coming) for vm in working):
        for kind in kinds:
            orders.launch(kind, Market.SPOT, Reason.SPOT_IS_BACK)
    slots = sum(ledger.terms.usual_slots(kind) for kind in kinds)
    return pauses_end(ledger, elapsed) if wanted > slots else None


def _starting(ledger: Ledger, orders: Orders) -> list[InstanceType]:
    """Return the types of the spot VMs that will be ready soon."""
    vms = (ledger.vms[vm_id] for vm_id in ledger.living[Market.SPOT])
    return [ledger.kind(vm) for vm in vms if vm.state.starting and usable(orders, vm)]


def _works_on(ledger: Ledger, vm: VmRecord) -> list[Task]:
    return [ledger.terms.job.tasks[task_id] for task_id in ledger.work[vm.id].values()]


def _takes(kind: InstanceType, tasks: Sequence[Task]) -> bool:
    return all(can_run_on(kind, task) for task in tasks)


def _to_be_had(
    ledger: Ledger, working: Sequence[VmRecord], wanted: int, elapsed: float
) -> list[InstanceType]:
    """Return the types of the spot VMs that could be launched for what some VMs work on, by the limits.

    :param wanted: how many tasks there is no place for yet.
    """
    found: list[InstanceType] = []
    vms = ledger.terms.environment.global_limit(Market.SPOT) - len(ledger.counted[Market.SPOT])
    for kind in ledger.terms.spot_types:
        if any(_takes(kind, _works_on(ledger, vm)) for vm in working):
            vcpus = sum(one.vcpus for one in found)
            most = 0 if paused(ledger, kind, Market.SPOT, elapsed) else room(ledger, kind, Market.SPOT, vcpus)
            missing = wanted - sum(ledger.terms.usual_slots(one) for one in found)
            count = math.ceil(missing / max(ledger.terms.usual_slots(kind), 1))
            found += [kind] * max(min(most, vms - len(found), count), 0)
    return found


def change_over(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> bool:
    """End an on-demand VM whose work has a place on spot VMs, if the run stays safe; say whether it was.

    Its tasks wait then, with what their checkpoints keep, and are given to the spot VMs at the next step.

    :param limit: seconds since the run's start by which all is to be done.
    """
    if any(next_fitting(ledger, vm, ledger.waiting) for vm in free_vms(ledger, Market.SPOT)):
        return False
    for vm in working_on_demand(ledger, orders, elapsed):
        if _is_dearer(ledger, vm) and _has_place(ledger, vm) and is_safe_without(ledger, vm, elapsed, limit):
            orders.terminate(vm, Reason.SPOT_INSTEAD)
            ledger.safe_until = None
            return True
    return False


def _is_dearer(ledger: Ledger, vm: VmRecord) -> bool:
    """Say whether there are spot VMs on which the work would cost less."""
    return ledger.kind(vm) not in ledger.terms.cheaper_than_spot


def _seconds_left(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    ends = (
        expected_end(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed)
        for name, task_id in ledger.work[vm.id].items()
    )
    return max(ends, default=elapsed) - elapsed


def _free_slots(ledger: Ledger, orders: Orders) -> int:
    """Return the slots of spot VMs that are free, or will be after their boot."""
    slots = 0
    for vm_id in ledger.living[Market.SPOT]:
        vm = ledger.vms[vm_id]
        if usable(orders, vm) and not vm.state.asleep:
            slots += max(ledger.terms.usual_slots(ledger.kind(vm)) - len(ledger.work[vm_id]), 0)
    return slots


def _has_place(ledger: Ledger, vm: VmRecord, coming: Iterable[InstanceType] = ()) -> bool:
    """Say whether spot VMs have a free slot for each task that a VM works on.

    None that is kept for a task that waits, if one of these sleeps on another VM as well: it would come after
    those that wait.

    :param coming: the types of those that are not ready yet.
    """
    tasks, slots = _works_on(ledger, vm), ledger.terms.usual_slots
    come_last = bool(ledger.waiting) and any(_sleeps_elsewhere(ledger, task.id) for task in tasks)
    free = sum(
        min(ledger.free[spot.id], max(slots(ledger.kind(spot)) - len(ledger.work[spot.id]), 0))
        for spot in free_vms(ledger, Market.SPOT)
        if all(fits(ledger, spot, task) for task in tasks)
        and not (come_last and can_run_any(ledger, ledger.kind(spot), ledger.waiting))
    )
    return free + sum(slots(kind) for kind in coming if _takes(kind, tasks)) >= len(tasks)


def _sleeps_elsewhere(ledger: Ledger, task_id: str) -> bool:
    """Say whether a spot VM that is asleep has begun a task."""
    spot = ledger.living[Market.SPOT]
    return any(ledger.vms[one].state.asleep and task_id in ledger.work[one].values() for one in spot)


def is_safe_without(ledger: Ledger, vm: VmRecord, elapsed: float, limit: float) -> bool:
    """Say whether all could be done in time, were an on-demand VM ended now with what its tasks have done.

    :param limit: seconds since the run's start by which all is to be done.
    """
    progress = {
        task_id: done_share(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed)
        for name, task_id in ledger.work[vm.id].items()
    }
    plan = find_backstop(ledger, elapsed, without=vm.id, progress=progress)
    return plan.end <= limit - doubted_seconds(ledger, plan.chains) - LEAST_STAY
