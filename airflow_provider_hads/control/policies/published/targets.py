"""Where the work of interrupted VMs goes: the published order of targets, with the right slack test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappush, heapreplace

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.credits import credits_for, free_credits
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import allows
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.common import can_run_on, fits
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.control.policies.published.queues import Queues, is_gone
from airflow_provider_hads.control.remaining import run_seconds, slot_ends
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord, VmState

__all__ = ["Targets"]


@dataclass(frozen=True)
class _Offer:
    """What it would mean to put a task on a VM that there is, or on a new one.

    :param end: seconds since the run's start when it would end.
    :param cost: dollars for it; to be compared within a group only.
    :param latest: seconds since the run's start by which it has to end there.
    """

    end: float
    cost: float
    latest: float
    vm: VmRecord | None = None
    kind: InstanceType | None = None
    market: Market = Market.ON_DEMAND

    @property
    def in_time(self) -> bool:
        return self.end <= self.latest


class Targets:
    """Chooses, for tasks whose VM was interrupted, where they go.

    The published order: an idle burstable VM with enough CPU credits, an idle VM, a working VM, a new
    on-demand VM; of each kind the cheapest that ends the task in time; if there is none at all, the one that
    ends it first. In time is, on an on-demand VM, by the deadline; on a spot VM, early enough for the longest
    re-run that a loss there could cause. (The original compares the wrong way round.)

    :param elapsed: seconds since the run's start.
    """

    def __init__(self, ledger: Ledger, orders: Orders, elapsed: float, queues: Queues, guard: Guard) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._orders = orders
        self._elapsed = elapsed
        self._queues = queues
        self._guard = guard
        self._slots: dict[str, list[float]] = {}
        self._queue_ends: dict[str, list[tuple[float, str]]] = {}
        self._idle = {vm.id for vm in self._awake() if self.is_idle(vm)}

    def is_idle(self, vm: VmRecord) -> bool:
        """Say whether a VM is ready and has nothing to do."""
        at_work = self._ledger.work[vm.id]
        return vm.state is VmState.READY and not at_work and not self._queues.waiting(vm)

    def migrate(self, task_ids: Sequence[str], *, burst: bool, replace: InstanceType | None = None) -> bool:
        """Put tasks into the queues of other VMs; say whether every one of them has found a place.

        :param burst: take burstable VMs first.
        :param replace: the type of a spot VM that is gone: one of another type may take its place.
        """
        placed = 0
        for number, task_id in enumerate(task_ids):
            offer = self._choose(task_id, len(task_ids) - number, burst=burst, replace=replace)
            if offer is not None:
                self._take(offer, task_id)
                placed += 1
        return placed == len(task_ids)

    def end_on(self, vm: VmRecord, task_id: str) -> float:
        """Return when a task would end on a VM, behind all that waits for it."""
        ends, slots = self._slot_ends(vm), self._mission.safe_slots(self._ledger.kind(vm))
        start = max(self._elapsed, vm.ready_by or 0.0) if vm.state.starting else self._elapsed
        free = start if len(ends) < slots else max(ends[0], start)
        return free + self._seconds(vm, task_id)

    def latest_on(self, vm: VmRecord, task_id: str) -> float:
        """Return by when a task has to end on a VM: the slack test."""
        if vm.market is Market.ON_DEMAND:
            return self._guard.limit
        at_risk = {*self._ledger.work[vm.id].values(), *self._queues.waiting(vm), task_id}
        return self._guard.limit - max(map(self._re_run, at_risk))

    def queue_ends(self, vm: VmRecord) -> list[tuple[float, str]]:
        """Return the tasks that wait for a VM, and when each would end there; never, where it sleeps."""
        self._slot_ends(vm)
        return self._queue_ends[vm.id]

    def occupy(self, vm: VmRecord, end: float) -> None:
        """Note that a slot of a VM, the first to fall free, is taken until then."""
        ends = self._slot_ends(vm)
        if len(ends) < self._mission.safe_slots(self._ledger.kind(vm)):
            heappush(ends, end)
        else:
            heapreplace(ends, end)

    def _choose(
        self, task_id: str, count: int, *, burst: bool, replace: InstanceType | None
    ) -> _Offer | None:
        groups = (
            self._burstable(task_id) if burst else iter(()),
            self._existing(task_id, idle=True),
            self._existing(task_id, idle=False),
            self._replacements(task_id, count, replace) if replace is not None else iter(()),
            self._new_on_demand(task_id, count),
        )
        late: list[_Offer] = []
        for group in groups:
            offers = list(group)
            in_time = [offer for offer in offers if offer.in_time]
            if in_time:
                return min(in_time, key=lambda offer: (offer.cost, offer.end))
            late += offers
        return min(late, key=lambda offer: offer.end, default=None)

    def _take(self, offer: _Offer, task_id: str) -> None:
        reason = Reason.MIGRATED if offer.in_time else Reason.EARLIEST_END
        vm = offer.vm
        if vm is None and offer.kind is not None:
            vm = self._launch(offer.kind, offer.market)
        if vm is None:
            return
        self.occupy(vm, offer.end)
        vm = self._queues.move(task_id, vm, reason)
        if vm.cpu_share is not None:
            self._orders.assign(vm, self._ledger.tasks[task_id], reason, burst=True)

    def _launch(self, kind: InstanceType, market: Market) -> VmRecord:
        if market is Market.SPOT:
            return self._orders.launch(kind, market, Reason.REPLACES_LOST)
        return self._guard.launch(kind, Reason.MIGRATION_TARGET)

    def _burstable(self, task_id: str) -> Iterator[_Offer]:
        """Yield the idle burstable VMs that have the credits to run a task at full speed."""
        task = self._mission.job.tasks[task_id]
        for vm in self._awake():
            if vm.id not in self._idle or vm.cpu_share is None or not self._ledger.free.get(vm.id):
                continue
            if not fits(self._ledger, vm, task):
                continue
            if free_credits(self._ledger, vm, self._elapsed) >= credits_for(self._ledger, vm, task_id):
                seconds = self._seconds(vm, task_id, burst=True)
                yield self._offer(vm, self._elapsed + seconds, seconds, self._guard.limit)

    def _existing(self, task_id: str, *, idle: bool) -> Iterator[_Offer]:
        task = self._mission.job.tasks[task_id]
        for vm in self._awake():
            if (vm.id in self._idle) is not idle or vm.cpu_share is not None:
                continue
            if can_run_on(self._ledger.kind(vm), task):
                end = self.end_on(vm, task_id)
                yield self._offer(vm, end, self._seconds(vm, task_id), self.latest_on(vm, task_id))

    def _replacements(self, task_id: str, count: int, lost: InstanceType) -> Iterator[_Offer]:
        latest = self._guard.limit - self._re_run(task_id)
        for kind in self._mission.spot_types:
            if kind.name != lost.name:
                yield from self._launchable(kind, Market.SPOT, task_id, count, latest)

    def _new_on_demand(self, task_id: str, count: int) -> Iterator[_Offer]:
        for kind in self._mission.on_demand_types:
            yield from self._launchable(kind, Market.ON_DEMAND, task_id, count, self._guard.limit)

    def _launchable(
        self, kind: InstanceType, market: Market, task_id: str, count: int, latest: float
    ) -> Iterator[_Offer]:
        task = self._mission.job.tasks[task_id]
        if not can_run_on(kind, task) or not allows(self._ledger, kind, market, self._elapsed):
            return
        if market is Market.ON_DEMAND and not self._guard.allows_launch(kind):
            return
        seconds = task.runtimes[kind.name] * (1 - self._saved(task_id)) * self._ledger.pace.careful
        boot = self._mission.boot
        rounds = math.ceil(count / max(self._mission.safe_slots(kind), 1))
        cost = kind.price(market) * (boot + seconds * rounds) / 3600
        yield _Offer(self._elapsed + boot + seconds, cost, latest, kind=kind, market=market)

    def _offer(self, vm: VmRecord, end: float, seconds: float, latest: float) -> _Offer:
        return _Offer(end, vm.price * seconds / 3600 / self._mission.slots(self._ledger.kind(vm)), latest, vm)

    def _awake(self) -> Iterator[VmRecord]:
        for market in Market:
            for vm_id in list(self._ledger.living[market]):
                vm = self._ledger.vms[vm_id]
                if not vm.state.asleep and not is_gone(self._orders, vm):
                    yield vm

    def _slot_ends(self, vm: VmRecord) -> list[float]:
        known = self._slots.get(vm.id)
        if known is None:
            slots = self._mission.safe_slots(self._ledger.kind(vm))
            self._slots[vm.id] = known = slot_ends(self._ledger, vm, self._elapsed, slots, careful=True)
            self._queue_ends[vm.id] = [(self._append(vm, id_), id_) for id_ in self._queues.waiting(vm)]
        return known

    def _append(self, vm: VmRecord, task_id: str) -> float:
        end = self.end_on(vm, task_id)
        self.occupy(vm, end)
        return math.inf if vm.state.asleep else end

    def _seconds(self, vm: VmRecord, task_id: str, *, burst: bool = False) -> float:
        saved = self._saved(task_id)
        return run_seconds(self._ledger, vm, task_id, self._elapsed, saved, burst=burst, careful=True)

    def _saved(self, task_id: str) -> float:
        return self._ledger.tasks[task_id].saved

    def _re_run(self, task_id: str) -> float:
        """Return how long it takes to make good the loss of a task's VM: on a new on-demand VM, at worst."""
        runtimes = self._mission.job.tasks[task_id].runtimes
        slowest = max((runtimes.get(kind.name, 0.0) for kind in self._mission.on_demand_types), default=0.0)
        ahead = self._mission.boot + self._mission.reaction
        return ahead + slowest * (1 - self._saved(task_id)) * self._ledger.pace.careful
