"""How many spot VMs there should be: enough to end the open work before on-demand VMs have to be launched."""

from __future__ import annotations

import math

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import blocking, paused, room
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.remaining import attempt_of, done_share, expected_end
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["widen"]

PRIOR_HAZARD = 1 / 10000
"""Interruptions a second of a VM, before any was seen."""

PRIOR_RESUME = 1 / 600
"""Resumes a second of a hibernated VM, before any was seen."""

PRIOR_WEIGHT = 0.5
"""Events that the priors count for."""

EFFICIENCY = 0.93
"""Share of the slots' time that list scheduling fills."""


def widen(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> None:
    """Launch spot VMs while the open work is more than those there are will do in time.

    :param limit: seconds since the run's start by which all is to be done.
    """
    outlook = _Outlook(ledger, orders, elapsed, limit)
    while outlook.lacks() and (kind := _choose(ledger, outlook, elapsed)) is not None:
        vm = _make_room(ledger, orders, kind, elapsed)
        if vm is False:
            break
        orders.launch(kind, Market.SPOT, Reason.SPOT_FOR_OPEN_WORK)
        outlook.add(kind)


def _choose(ledger: Ledger, outlook: _Outlook, elapsed: float) -> InstanceType | None:
    """Return the type of which useful work is cheapest."""
    for kind in ledger.terms.spot_types:
        if paused(ledger, kind, Market.SPOT, elapsed):
            continue
        if room(ledger, kind, Market.SPOT) or blocking(ledger, kind, Market.SPOT):
            return kind
    return None


def _make_room(ledger: Ledger, orders: Orders, kind: InstanceType, elapsed: float) -> bool:
    """End the hibernated VM with the least progress, if one has to go; say whether there is room now."""
    if room(ledger, kind, Market.SPOT):
        return True
    sleeping = [vm for vm in blocking(ledger, kind, Market.SPOT) if not orders.ending(vm.id)]
    if sleeping:
        least = min(sleeping, key=lambda vm: (_progress(ledger, vm, elapsed), vm.sequence))
        orders.terminate(least, Reason.BLOCKS_A_LIMIT)
    return False


def _progress(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    return sum(
        done_share(ledger, vm, task_id, attempt_of(ledger, task_id, name), elapsed)
        for name, task_id in ledger.work[vm.id].items()
    )


class _Outlook:
    """What the spot VMs are expected to do until the time is up, and what there is to do."""

    def __init__(self, ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._elapsed = elapsed
        self.hazard = ledger.weather.all.hazard(elapsed, PRIOR_HAZARD, PRIOR_WEIGHT)
        self.resume = ledger.weather.all.resume_rate(elapsed, PRIOR_RESUME, PRIOR_WEIGHT)
        self.end = limit - self._mission.boot - self._last_runtime()
        self.demand = self._demand()
        self.supply = sum(
            self._supply(ledger.vms[vm_id])
            for vm_id in ledger.living[Market.SPOT]
            if not orders.ending(vm_id)
        )

    def lacks(self) -> bool:
        """Say whether another VM is needed, and would have the time for a task."""
        shortest = self._mission.order[-1]
        runtime = min(shortest.runtimes.values(), default=0.0)
        in_time = self._elapsed + self._mission.boot + runtime <= self.end + self._mission.boot
        return in_time and self.demand > self.supply * EFFICIENCY

    def add(self, kind: InstanceType) -> None:
        """Count one more VM in."""
        self.supply += self._mission.safe_slots(kind) * self._useful(self._elapsed + self._mission.boot)

    def _last_runtime(self) -> float:
        """Return the seconds of the last tasks to be started, the shortest."""
        open_ranks = self._ledger.waiting or self._ledger.frozen
        task = self._mission.order[open_ranks[-1]] if open_ranks else self._mission.order[-1]
        return min(task.runtimes.values(), default=0.0)

    def _demand(self) -> float:
        """Return the slot-seconds of what waits or is frozen, and of what runs on spot VMs."""
        order = self._mission.order
        kind = self._mission.spot_types[0] if self._mission.spot_types else None
        if kind is None:
            return 0.0
        waiting = sum(
            self._seconds(order[rank].runtimes.get(kind.name, 0.0)) for rank in self._ledger.waiting
        )
        stay = math.exp(-self.resume * max(self.end - self._elapsed, 0.0) / 2)
        frozen = sum(self._seconds(order[rank].runtimes.get(kind.name, 0.0)) for rank in self._ledger.frozen)
        return waiting + frozen * stay

    def _seconds(self, runtime: float) -> float:
        """Return the expected seconds in slots until a task has ended, its losses included."""
        if self._mission.keeps_progress:
            return runtime
        exponent = min(self.hazard * runtime, 5.0)
        lost = (math.exp(exponent) - 1) / max(self.hazard, 1e-9) if exponent > 1e-6 else runtime
        return max(lost, runtime)

    def _useful(self, start: float) -> float:
        """Return the expected seconds until the end that a slot is up from some moment on."""
        span = max(self.end - start, 0.0)
        if self.hazard * span < 1e-6:
            return span
        return (1 - math.exp(-self.hazard * span)) / self.hazard

    def _supply(self, vm: VmRecord) -> float:
        if vm.state.asleep:
            return 0.0
        slots = self._mission.safe_slots(self._ledger.kind(vm))
        if vm.state.starting:
            return slots * self._useful(max(vm.ready_by or 0.0, self._elapsed))
        total = 0.0
        for name, task_id in self._ledger.work[vm.id].items():
            attempt = attempt_of(self._ledger, task_id, name)
            total += self._useful(expected_end(self._ledger, vm, task_id, attempt, self._elapsed))
        return total + (slots - len(self._ledger.work[vm.id])) * self._useful(self._elapsed)
