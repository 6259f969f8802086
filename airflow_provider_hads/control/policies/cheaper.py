"""On-demand VMs that do the work for less than any spot VM: they are taken first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.backstop import act_by, find_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import allows
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import can_run_on, usable, wake_by
from airflow_provider_hads.control.policies.spot_price import cheaper_types, will_come_back
from airflow_provider_hads.control.remaining import busy_until
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["employ_cheaper", "takes_all"]


def employ_cheaper(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> bool:
    """Launch on-demand VMs that are cheaper than spot for what waits; say whether they will do all of it.

    :param limit: seconds since the run's start by which all is to be done.
    """
    kinds = cheaper_types(ledger, elapsed)
    if not kinds:
        return False
    left = _to_do(ledger, elapsed) - _to_be_done(ledger, orders, elapsed, limit)
    ready = elapsed + ledger.terms.boot
    while left > 0:
        offers = [
            (kind, _tasks_until(ledger, kind, [ready] * ledger.terms.safe_slots(kind), limit))
            for kind in kinds
        ]
        useful = [one for one in offers if one[1] and _may_launch(ledger, one[0], elapsed, limit)]
        if not useful:
            return False
        kind, each = min(useful, key=lambda one: _price_of_fleet(ledger, one[0], one[1], left))
        orders.launch(kind, Market.ON_DEMAND, Reason.CHEAPER_THAN_SPOT)
        _keep_plan(ledger, elapsed, limit)
        left -= each
    return True


def takes_all(ledger: Ledger, elapsed: float) -> bool:
    """Say whether there is an on-demand type that is cheaper than spot, and fit for all that waits."""
    return any(_fits_all(ledger, kind, ledger.waiting) for kind in cheaper_types(ledger, elapsed))


def _fits_all(ledger: Ledger, kind: InstanceType, ranks: Sequence[int]) -> bool:
    if ledger.terms.same_types:
        return True  # it would not be offered if none fitted
    return all(can_run_on(kind, ledger.terms.order[rank]) for rank in ranks)


def _price_of_fleet(ledger: Ledger, kind: InstanceType, each: int, tasks: int) -> float:
    """Return the dollars for some tasks on as few VMs of a type as do them in time.

    :param each: how many a VM does in time.
    """
    vms = math.ceil(tasks / each)
    rounds = math.ceil(tasks / (vms * ledger.terms.safe_slots(kind)))
    seconds = ledger.terms.boot + rounds * ledger.terms.mean_runtime(kind)
    return vms * kind.price(Market.ON_DEMAND) * seconds / 3600


def _may_launch(ledger: Ledger, kind: InstanceType, elapsed: float, limit: float) -> bool:
    """Say whether one more may be launched, and takes no place that the way out needs for a quicker one."""
    if not allows(ledger, kind, Market.ON_DEMAND, elapsed):
        return False
    return find_backstop(ledger, elapsed, launching=kind).end <= limit


def _keep_plan(ledger: Ledger, elapsed: float, limit: float) -> None:
    """Keep the way out with the VM that has been launched: there is a place less for others."""
    ledger.backstop = find_backstop(ledger, elapsed).chains
    ledger.safe_until = act_by(ledger, ledger.backstop, limit)
    wake_by(ledger, None if ledger.safe_until == math.inf else ledger.safe_until)


def _to_do(ledger: Ledger, elapsed: float) -> int:
    """Return how many tasks wait, or are frozen and not expected to come back in time."""
    lost = 1 - will_come_back(ledger, elapsed)
    return len(ledger.waiting) + round(len(ledger.frozen) * lost)


def _to_be_done(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> int:
    """Return how many tasks more the on-demand VMs will do that there are."""
    tasks = 0
    for vm_id in ledger.living[Market.ON_DEMAND]:
        vm = ledger.vms[vm_id]
        if usable(orders, vm) and ledger.kind(vm).burstable is None:
            tasks += _tasks_until(ledger, ledger.kind(vm), _free_from(ledger, vm, elapsed), limit)
    return tasks


def _free_from(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[float]:
    """Return when each slot of a VM is free, seconds since the run's start."""
    slots = ledger.terms.safe_slots(ledger.kind(vm))
    ends = busy_until(ledger, vm, elapsed)
    ready = max(elapsed, vm.ready_by or 0.0) if vm.state.starting else elapsed
    return sorted(ends)[-slots:] + [ready] * (slots - len(ends))


def _tasks_until(ledger: Ledger, kind: InstanceType, free_from: Sequence[float], limit: float) -> int:
    """Return how many of the tasks that wait a VM does in time, were all as long as the longest.

    None, if one of them does not fit on it.

    :param free_from: seconds since the run's start when each of its slots is free.
    """
    order, ranks = ledger.terms.order, ledger.waiting or ledger.frozen
    if not _fits_all(ledger, kind, ranks):
        return 0
    longest = max((order[rank].runtimes[kind.name] for rank in ranks), default=0.0)
    longest *= ledger.pace.careful
    margin = ledger.pace.margin if ledger.pace.doubted else 0.0
    return sum(_rounds(max(limit - free, 0.0) / longest, margin) for free in free_from) if longest else 0


def _rounds(time: float, margin: float) -> int:
    """Return how many tasks a slot does one after the other.

    Margins add as variances do; where there is no time for any, one task is tried all the same.

    :param time: how many times a task's seconds there are.
    :param margin: share by which a task may be slower than expected.
    """
    root = (math.sqrt(margin**2 + 4 * time) - margin) / 2  # n + margin sqrt(n) = time, by sqrt(n)
    return max(int(root**2 + 1e-9), min(int(time), 1))
