"""The most tasks that could run at once, and from when on: bounds that no choice of a controller can beat."""

from __future__ import annotations

import math

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import vcpus_in_use
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord, VmState

__all__ = ["Slots", "start_on"]


def start_on(ledger: Ledger, vm: VmRecord, elapsed: float) -> float:
    """Return the moment from which a task could start on a VM at the earliest (seconds since the start).

    One that sleeps may come back at once.
    """
    ready = vm.ready_by if vm.state in (VmState.LAUNCHING, VmState.BOOTING) else None
    return max(elapsed, min(ready or elapsed, elapsed + ledger.terms.boot))


class Slots:
    """The slots of the VMs that are there, and the most that there can be.

    :param memory: MB of the smallest open task; on how many of it a VM has room for its slots depend.
    """

    def __init__(self, ledger: Ledger, memory: float) -> None:
        self._ledger = ledger
        self._memory = memory
        self._living = [ledger.vms[vm_id] for market in Market for vm_id in ledger.living[market]]
        self.there = sum(map(self._of_vm, self._living))
        self.most = max(self._within_limits(), self.there)

    def end_of(self, work: float, elapsed: float) -> float:
        """Return the moment by which so many seconds of a slot can be done at the earliest.

        What is there works from when it is ready on; what is not there yet, from after a boot on.
        """
        if not work:
            return elapsed
        starts = [start for vm in self._living for start in self._starts(vm, elapsed)]
        starts += [elapsed + self._ledger.terms.boot] * (self.most - self.there)
        done, before = 0.0, elapsed
        for working, start in enumerate(sorted(starts)):
            more = working * (start - before)
            if done + more >= work:
                return before + (work - done) / working
            done, before = done + more, start
        return before + (work - done) / len(starts) if starts else math.inf

    def _starts(self, vm: VmRecord, elapsed: float) -> list[float]:
        return [start_on(self._ledger, vm, elapsed)] * self._of_vm(vm)

    def _of_vm(self, vm: VmRecord) -> int:
        return max(self._of_type(self._ledger.kind(vm)), len(self._ledger.work[vm.id]))

    def _of_type(self, kind: InstanceType) -> int:
        slots = self._ledger.terms.slots(kind)
        if self._memory * slots <= kind.memory:
            return slots
        return int(kind.memory / self._memory * (1 + 1e-9))

    def _within_limits(self) -> int:
        """Return how many tasks could run at once on all VMs that the limits allow."""
        kinds = sorted(self._ledger.terms.types.values(), key=self._of_type, reverse=True)
        slots = 0
        for market in Market:
            left = self._limit(market)
            for kind in kinds:
                count = min(self._limit_of(kind, market), left)
                slots += count * self._of_type(kind)
                left -= count
        return min(slots, self._within_vcpus())

    def _limit(self, market: Market) -> int:
        """Return the limit of a market, or how many VMs it has: a plan made without limits may have more."""
        limit = self._ledger.terms.environment.global_limit(market)
        return max(limit, len(self._ledger.counted[market]))

    def _limit_of(self, kind: InstanceType, market: Market) -> int:
        limit = kind.limit(market) if kind.offers(market) else 0
        return max(limit, self._ledger.counts[kind.name, market])

    def _within_vcpus(self) -> int:
        mission = self._ledger.terms
        if mission.vcpu_limit is None:
            return 10**9
        densest = max(
            (self._of_type(kind) / kind.vcpus for kind in mission.types.values() if self._is_offered(kind)),
            default=0.0,
        )
        # A plan that was made without the limits may have more VMs.
        vcpus = max(mission.vcpu_limit, vcpus_in_use(self._ledger))
        return int(vcpus * densest * (1 + 1e-9))

    def _is_offered(self, kind: InstanceType) -> bool:
        return any(kind.offers(market) and kind.limit(market) for market in Market)
