"""A way out for tasks of different size: how many run at once on a VM depends on which they are."""

from __future__ import annotations

import math
from bisect import insort

from airflow_provider_hads.control.backstop_fleet import Busy, Fleet, Heaps
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.remaining import in_hand
from airflow_provider_hads.model.environment import InstanceType
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["MixedFleet"]


class MixedFleet(Fleet):
    """Each slot has a share of its VM's memory: as much as the largest of the tasks that it gets needs.

    All shares of a VM together are no more than it has. So its slots need not wait for each other, and the
    plan holds whenever, and in whatever order, each of them comes to its tasks.
    """

    def __init__(self, ledger: Ledger, elapsed: float, *, quickest: bool = False) -> None:
        super().__init__(ledger, elapsed, quickest=quickest)
        self._shares: list[float] = []  # MB of each slot
        self._unshared: dict[str, float] = {}  # MB of each VM that no slot has yet

    def add_existing(self, vm: VmRecord, trial: Busy | None) -> None:
        """Add a VM that is launched, with the memory that its tasks have."""
        kind = self._ledger.kind(vm)
        if kind.burstable is not None:
            return
        known = self._in_hand(vm, trial)
        if len(known) > self._slots(kind) or sum(memory for _, memory in known) > kind.memory:
            return  # what waits in its queue has to be over first; it is left out
        ready = max(self._elapsed, vm.ready_by or 0.0) if vm.state.starting else self._elapsed
        known += [(ready, 0.0)] * (self._slots(kind) - len(known))
        first = len(self._names)
        self._add(vm.id, kind.name, True, [max(end, ready) for end, _ in known])
        for number, (_, memory) in enumerate(known):
            self._take(first + number, memory)

    def _in_hand(self, vm: VmRecord, trial: Busy | None) -> list[tuple[float, float]]:
        """Return when each task that a VM has will have ended, and its MB."""
        known = in_hand(self._ledger, vm, self._elapsed)
        if trial is not None and trial.vm_id == vm.id:
            known.append((trial.until, self._mission.job.tasks[trial.task_id].memory))
        return known

    def _place(self, heaps: Heaps, task: Task, mean: float, margin: float) -> tuple[float, str, int] | None:
        best: tuple[float, str, int, int] | None = None
        runtimes = self._mission.runtimes(task)
        for kind, slots in heaps:
            position = self._first_fitting(slots, task.memory) if kind in runtimes else None
            if position is not None:
                index = slots[position][1]
                ends = self._expected[index] + runtimes[kind] * mean
                ends += math.sqrt(self._variance[index] + (runtimes[kind] * margin) ** 2)
                if best is None or ends < best[0]:
                    best = ends, kind, index, position
        if best is None:
            return None
        ends, kind, index, position = best
        slots = self._heaps[kind]
        del slots[position]
        insort(slots, (ends, index))  # in order, it is a heap as well
        self._take(index, task.memory)
        return ends, kind, index

    def _first_fitting(self, slots: list[tuple[float, int]], memory: float) -> int | None:
        """Return the place of the slot that is free first of those that could have a task of so many MB."""
        for position, (_, index) in enumerate(slots):
            share = self._shares[index]
            if memory <= share or memory - share <= self._unshared[self._names[index][0]]:
                return position
        return None

    def _take(self, index: int, memory: float) -> None:
        """Give a slot so much memory at least."""
        more = memory - self._shares[index]
        if more > 0:
            self._shares[index] = memory
            self._unshared[self._names[index][0]] -= more

    def _add(self, vm_id: str, kind: str, launched: bool, times: list[float]) -> None:
        super()._add(vm_id, kind, launched, times)
        self._heaps[kind].sort()
        self._shares += [0.0] * len(times)
        self._unshared[vm_id] = self._mission.types[kind].memory

    def _slots(self, kind: InstanceType) -> int:
        return self._mission.slots(kind)
