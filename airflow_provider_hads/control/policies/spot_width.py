"""How many spot VMs there should be: enough to end the open work before on-demand VMs have to be launched."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.backstop import find_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import allows, blocking, paused, pauses_end, room
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.cheaper import employ_cheaper
from airflow_provider_hads.control.policies.common import can_run_any, can_run_on, usable
from airflow_provider_hads.control.policies.eviction import progress_on
from airflow_provider_hads.control.remaining import attempt_of, expected_end
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["hasten", "widen"]

PRIOR_HAZARD = 1 / 10000
"""Interruptions a second of a VM, before any was seen."""

PRIOR_RESUME = 1 / 600
"""Resumes a second of a hibernated VM, before any was seen."""

PRIOR_WEIGHT = 0.5
"""Interruptions that the prior hazard counts for."""

RESUME_WEIGHT = 1.0
"""Resumes that its prior counts for. Who ends hibernated VMs too soon never learns that they come back."""

PATIENCE = 0.8
"""Share of the time that is left that a hibernated VM may take to come back."""

REPLACING = 1.0
"""Weight of the boot of a VM that replaces a hibernated one."""

REPLACING_EFFICIENCY = 1.3
"""As :data:`EFFICIENCY`, where a hibernated VM has to end for another."""

EFFICIENCY = 0.6
"""Share of the slots' time that is planned with where there are no interruptions ..."""

EFFICIENCY_LOSS = 140.0
"""... and by how much less, for each interruption a second of a VM: bad luck must be made up for ..."""

LEAST_EFFICIENCY = 0.35
"""... but no less than this. All found by simulation, on the scenarios of the published experiments."""


def widen(ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> float | None:
    """Launch spot VMs while the open work is more than those there are will do in time.

    :param limit: seconds since the run's start by which all is to be done.
    :return: when to try again (seconds since the run's start) for want of capacity; None where none lacks.
    """
    if employ_cheaper(ledger, orders, elapsed, limit):
        return None
    outlook = _Outlook(ledger, orders, elapsed, limit)
    while outlook.lacks():
        kind = _choose(ledger, orders, elapsed)
        if kind is None:
            return pauses_end(ledger, elapsed)
        if not _make_room(ledger, orders, kind, outlook, elapsed):
            break
        orders.launch(kind, Market.SPOT, Reason.SPOT_FOR_OPEN_WORK)
        outlook.add(kind)
    return None


def hasten(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Where on-demand VMs alone can't meet the deadline, run on spot VMs what has no slot on them.

    Nothing is left to be kept safe then, so that a spot VM need not end its task in time for another try.
    Tasks that no on-demand VM can have are run on spot VMs after the deadline, too, till the run is given up.
    """
    if ledger.safe_until is not None or not ledger.waiting:
        return
    end = find_backstop(ledger, elapsed).end
    if end <= ledger.deadline:
        return
    latest = ledger.deadline + (ledger.rules.margin if end == math.inf else 0.0)
    wanted = len(ledger.waiting) - sum(_slots_to_come(ledger, orders, market) for market in Market)
    tasks = [ledger.terms.order[rank] for rank in ledger.waiting]
    for kind in ledger.terms.spot_types:
        runtimes = [task.runtimes[kind.name] for task in tasks if can_run_on(kind, task)]
        quick = elapsed + ledger.terms.boot + min(runtimes, default=math.inf) <= latest
        while quick and wanted > 0 and allows(ledger, kind, Market.SPOT, elapsed):
            orders.launch(kind, Market.SPOT, Reason.SPOT_FOR_OPEN_WORK)
            wanted -= ledger.terms.usual_slots(kind)


def _slots_to_come(ledger: Ledger, orders: Orders, market: Market) -> int:
    """Return the slots of a market's VMs that are free, or will be after their boot."""
    slots = 0
    for vm_id in ledger.living[market]:
        vm = ledger.vms[vm_id]
        if usable(orders, vm) and not vm.state.asleep and ledger.kind(vm).burstable is None:
            slots += max(ledger.terms.usual_slots(ledger.kind(vm)) - len(ledger.work[vm_id]), 0)
    return slots


def _choose(ledger: Ledger, orders: Orders, elapsed: float) -> InstanceType | None:
    """Return the type of which work is cheapest; one for which a hibernated VM has to end comes last.

    Where tasks differ in the types that they fit on, it is one for those with the fewest slots each.
    """
    kinds = [kind for kind in ledger.terms.spot_types if not paused(ledger, kind, Market.SPOT, elapsed)]
    for ranks in _neediest_first(ledger, orders):
        fitting = [kind for kind in kinds if can_run_any(ledger, kind, ranks)]
        fitting.sort(key=lambda kind: ledger.terms.price_of_work(kind, Market.SPOT, len(ranks)))
        free = (kind for kind in fitting if room(ledger, kind, Market.SPOT))
        blocked = (kind for kind in fitting if blocking(ledger, kind, Market.SPOT))
        if (chosen := next(free, None) or next(blocked, None)) is not None:
            return chosen
    return None


def _neediest_first(ledger: Ledger, orders: Orders) -> list[list[int]]:
    """Return the tasks that wait or are frozen, by where they fit; the neediest first."""
    ranks = [*ledger.waiting, *ledger.frozen]
    if ledger.terms.same_types:
        return [ranks]
    groups: dict[frozenset[str], list[int]] = {}
    for rank in ranks:
        groups.setdefault(ledger.terms.types_of(ledger.terms.order[rank]), []).append(rank)
    slots: Counter[str] = Counter()
    for vm_id in ledger.living[Market.SPOT]:
        vm = ledger.vms[vm_id]
        if usable(orders, vm):
            slots[vm.instance_type] += ledger.terms.usual_slots(ledger.kind(vm))
    waiting_for_each = {
        types: len(group) / max(sum(slots[name] for name in types), 1e-9) for types, group in groups.items()
    }
    return [groups[types] for types in sorted(groups, key=lambda types: (-waiting_for_each[types], *types))]


def _make_room(ledger: Ledger, orders: Orders, kind: InstanceType, outlook: _Outlook, elapsed: float) -> bool:
    """End the hibernated VM with the least progress, if one has to go; say whether there is room now."""
    if room(ledger, kind, Market.SPOT):
        return True
    sleeping = [vm for vm in blocking(ledger, kind, Market.SPOT) if not orders.ending(vm.id)]
    if sleeping:
        least = min(sleeping, key=lambda vm: (progress_on(ledger, vm, elapsed), vm.sequence))
        short = outlook.demand > outlook.supply * outlook.replacing_efficiency
        if short and outlook.gain(kind) > outlook.worth(least, progress_on(ledger, least, elapsed)):
            orders.terminate(least, Reason.BLOCKS_A_LIMIT)
    return False


class _Outlook:
    """What the spot VMs are expected to do until the time is up, and what there is to do."""

    def __init__(self, ledger: Ledger, orders: Orders, elapsed: float, limit: float) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._elapsed = elapsed
        self.hazard = ledger.weather.all.hazard(elapsed, PRIOR_HAZARD, PRIOR_WEIGHT)
        self.resume = ledger.weather.all.resume_rate(elapsed, PRIOR_RESUME, RESUME_WEIGHT)
        self.end = (
            limit - self._mission.boot - (0.0 if self._mission.keeps_progress else self._last_runtime())
        )
        self.efficiency = max(EFFICIENCY - EFFICIENCY_LOSS * self.hazard, LEAST_EFFICIENCY)
        # The probability that a hibernated VM does not come back in time.
        self.stays = math.exp(-self.resume * max(self.end - elapsed, 0.0) * PATIENCE)
        self.demand = self._demand()
        self._idle_slots = _slots_to_come(ledger, orders, Market.SPOT) if self.demand else 0
        # Where nothing is open it does not matter who could do it.
        self.supply = 0.0 if self._is_wide_enough() else self._supply(orders)

    def lacks(self) -> bool:
        """Say whether another VM is needed, and would have the time for a task."""
        shortest = self._mission.order[-1]
        runtime = min(shortest.runtimes.values(), default=0.0)
        if self._mission.keeps_progress:
            runtime = min(runtime, self._mission.boot)
        if self._is_wide_enough():
            return False
        in_time = self._elapsed + self._mission.boot + runtime <= self.end + self._mission.boot
        return in_time and self.demand > self.supply * self.efficiency

    def _is_wide_enough(self) -> bool:
        """Say whether each task that waits or is frozen has a slot that nothing runs in."""
        return self._idle_slots >= len(self._ledger.waiting) + len(self._ledger.frozen)

    @property
    def replacing_efficiency(self) -> float:
        """The efficiency from which on VMs that sleep are replaced; they are waited for if they may come."""
        return self.efficiency + max(REPLACING_EFFICIENCY - self.efficiency, 0.0) * (1 - self.stays)

    def add(self, kind: InstanceType) -> None:
        """Count one more VM in."""
        self.supply += self.gain(kind)
        self._idle_slots += self._mission.usual_slots(kind)

    def gain(self, kind: InstanceType) -> float:
        """Return the slot-seconds that a VM launched now is expected to give."""
        return self._mission.usual_slots(kind) * self._awake(self._elapsed + self._mission.boot)

    def worth(self, vm: VmRecord, progress: float) -> float:
        """Return the slot-seconds that are lost when a VM that sleeps is replaced: a boot is one of them.

        :param progress: tasks' worth of progress that it holds.
        """
        kind = self._ledger.kind(vm)
        held = progress * self._mission.mean_runtime(kind) * (1 - self.stays)
        boot = self._mission.usual_slots(kind) * self._mission.boot * (1 - self.stays) * REPLACING
        return self.supply_of(vm) + held + boot

    def supply_of(self, vm: VmRecord) -> float:
        """Return the slot-seconds that a VM is expected to give, beyond what it works on."""
        slots = self._mission.usual_slots(self._ledger.kind(vm))
        if vm.state.asleep:
            return slots * self._asleep(self._elapsed)
        if vm.state.starting:
            return slots * self._awake(max(vm.ready_by or 0.0, self._elapsed))
        total = 0.0
        for name, task_id in self._ledger.work[vm.id].items():
            attempt = attempt_of(self._ledger, task_id, name)
            total += self._awake(expected_end(self._ledger, vm, task_id, attempt, self._elapsed))
        return total + max(slots - len(self._ledger.work[vm.id]), 0) * self._awake(self._elapsed)

    def _last_runtime(self) -> float:
        """Return the seconds of the last tasks to be started, the shortest."""
        open_ranks = self._ledger.waiting or self._ledger.frozen
        task = self._mission.order[open_ranks[-1]] if open_ranks else self._mission.order[-1]
        return min(task.runtimes.values(), default=0.0) * self._ledger.pace.careful

    def _supply(self, orders: Orders) -> float:
        """Return the slot-seconds that the spot VMs are expected to give, beyond what they work on.

        Not those of all of them, if some are enough.
        """
        supply = 0.0
        for vm_id in self._ledger.living[Market.SPOT]:
            vm = self._ledger.vms[vm_id]
            if not orders.ending(vm_id) and vm.leaves_at is None:
                supply += self.supply_of(vm)
                if supply * self.efficiency >= self.demand:
                    break
        return supply

    def _demand(self) -> float:
        """Return the expected slot-seconds of what waits, and of what is frozen and would not come back."""
        if not self._mission.spot_types:
            return 0.0
        return self._seconds_of(self._ledger.waiting) + self._seconds_of(self._ledger.frozen) * self.stays

    def _seconds_of(self, ranks: Iterable[int]) -> float:
        """Return the expected slot-seconds of tasks; many have the same runtime."""
        order, cheapest = self._mission.order, self._mission.spot_types[0].name
        known: dict[float, float] = {}
        total = 0.0
        for rank in ranks:
            runtime = self._mission.runtimes(order[rank]).get(cheapest)
            if runtime is None:
                runtime = self._elsewhere(order[rank])
            if runtime not in known:
                known[runtime] = self._seconds(runtime)
            total += known[runtime]
        return total

    def _elsewhere(self, task: Task) -> float:
        """Return the seconds of a task on the cheapest spot type that it fits on; 0 where there is none."""
        runtimes = self._mission.runtimes(task)
        fitting = (kind.name for kind in self._mission.spot_types if kind.name in runtimes)
        return next((runtimes[name] for name in fitting), 0.0)

    def _seconds(self, runtime: float) -> float:
        """Return the expected seconds in slots until a task has ended, its losses included.

        A task that starts anew after each loss takes (exp(hazard x runtime) - 1) / hazard.
        """
        hazard = self.hazard * self.stays
        runtime *= self._ledger.pace.mean
        if self._mission.keeps_progress or hazard * runtime < 1e-6:
            return runtime
        return (math.exp(min(hazard * runtime, 5.0)) - 1) / hazard

    def _awake(self, start: float) -> float:
        """Return the expected seconds until the end that a VM is awake which is so at some moment."""
        span = max(self.end - start, 0.0)
        both = self.hazard + self.resume
        share = self.resume / both
        return share * span + (1 - share) * (1 - math.exp(-both * span)) / both

    def _asleep(self, start: float) -> float:
        """Return the expected seconds until the end that a VM is awake which sleeps at some moment."""
        span = max(self.end - start, 0.0)
        both = self.hazard + self.resume
        return self.resume / both * (span - (1 - math.exp(-both * span)) / both)
