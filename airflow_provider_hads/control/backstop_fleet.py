"""The on-demand VMs of a way out: those that there are, those that could be launched, and who runs what."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from typing import TypeAlias

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import paused_until, vcpus_in_use
from airflow_provider_hads.control.remaining import busy_until, slowness
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import Chain, VmRecord

__all__ = ["LAUNCHING", "Backstop", "Busy", "Fleet", "Heaps", "Room"]

LAUNCHING = "#now"
"""Ends the name that a VM has in a plan that takes it for launched now."""


@dataclass(frozen=True)
class Busy:
    """What is tried: a slot of a VM runs that task until then."""

    vm_id: str
    task_id: str
    until: float


@dataclass(frozen=True)
class Backstop:
    """A plan for the open work.

    :param end: seconds since the run's start when the last task would end, were it begun now.
    """

    chains: tuple[Chain, ...]
    end: float


Heaps: TypeAlias = Sequence[tuple[str, list[tuple[float, int]]]]
"""By type, when each slot is free (seconds since the run's start), and its number."""


class Fleet:
    """Slots of on-demand VMs, each with the time from which it is free and the tasks it would run.

    :param quickest: add VMs on which a task ends soonest first, rather than those that do most in all.
    """

    def __init__(self, ledger: Ledger, elapsed: float, *, quickest: bool = False) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._elapsed = elapsed
        self._quickest = quickest
        self._names: list[tuple[str, str, bool]] = []  # VM, type, whether it is launched
        self._free_from: list[float] = []
        self._expected: list[float] = []  # when its tasks are expected to end, and that may be later by
        self._variance: list[float] = []  # the root of this
        self._heaps: dict[str, list[tuple[float, int]]] = {}

    def add_existing(self, vm: VmRecord, trial: Busy | None) -> None:
        """Add a VM that is launched; on burstable ones nothing more is begun."""
        if self._mission.types[vm.instance_type].burstable is not None:
            return
        slots = self._mission.safe_slots(self._mission.types[vm.instance_type])
        ends = busy_until(self._ledger, vm, self._elapsed)
        if trial is not None and trial.vm_id == vm.id:
            ends.append(trial.until)
        ready = max(self._elapsed, vm.ready_by or 0.0) if vm.state.starting else self._elapsed
        ends.sort()
        times = [max(end, ready) for end in ends[-slots:]] + [ready] * (slots - len(ends))
        self._add(vm.id, vm.instance_type, True, times)

    def add_launching(self, kind: InstanceType) -> None:
        """Add a VM of that type that is launched now."""
        slots = self._slots(kind)
        self._add(f"{kind.name}{LAUNCHING}", kind.name, True, [self._elapsed + self._mission.boot] * slots)

    def add_new(
        self, tasks: Sequence[Task], without: str | None, launching: InstanceType | None = None
    ) -> None:
        """Add VMs that could be launched, the strongest first, until each task could have its slot.

        Where tasks differ in the types that they fit on, those with the most for each slot get one VM at a
        time: the limits may not have room for the VMs of all, and who comes first must not take all of it.
        """
        ledger = self._ledger
        leaving = None if without is None else ledger.kind(ledger.vms[without])
        room = Room(ledger, leaving, launching)
        kinds = [
            kind
            for kind in sorted(self._mission.on_demand_types, key=self._strength, reverse=True)
            if self._elapsed >= paused_until(ledger, kind, Market.ON_DEMAND)
        ]
        if self._mission.same_types:
            self._add_for_all(kinds, room, len(tasks))
        else:
            self._add_in_turns(kinds, room, self._needs(tasks))

    def _add_for_all(self, kinds: Sequence[InstanceType], room: Room, needed: int) -> None:
        for kind in kinds:
            if needed > 0:
                slots = self._mission.safe_slots(kind)
                count = min(room.count(kind), math.ceil(needed / slots))
                self._add_some(kind, room.take(kind, count), count)
                needed -= count * slots

    def _add_in_turns(
        self, kinds: Sequence[InstanceType], room: Room, needs: Sequence[tuple[Collection[str], int]]
    ) -> None:
        there = {name: len(heap) for name, heap in self._heaps.items()}
        added: Counter[str] = Counter()

        def turn(index: int) -> tuple[float, int]:
            types, number = needs[index]
            slots = sum(there.get(name, 0) + added[name] for name in types)
            return -number / slots if slots else -math.inf, index

        turns = [turn(index) for index in range(len(needs))]
        heapify(turns)
        while turns:
            _, index = heappop(turns)
            types, number = needs[index]
            kind = next((one for one in kinds if one.name in types and room.count(one)), None)
            if sum(added[name] for name in types) < number and kind is not None:
                self._add_some(kind, room.take(kind, 1), 1)
                added[kind.name] += self._mission.safe_slots(kind)
                heappush(turns, turn(index))

    def _add_some(self, kind: InstanceType, first: int, count: int) -> None:
        times = [self._elapsed + self._ahead()] * self._slots(kind)
        for number in range(first, first + count):
            self._add(f"{kind.name}#{number}", kind.name, False, times)

    def _ahead(self) -> float:
        """Return the seconds to the first task of a VM that is due now; room for it may be in the making."""
        mission, ledger = self._mission, self._ledger
        at_least = mission.boot + mission.reaction
        if mission.ahead == at_least:
            return at_least
        ending = any(f"terminate/{vm_id}" in ledger.pending for vm_id in ledger.living[Market.SPOT])
        return at_least if ending else mission.ahead

    def _needs(self, tasks: Sequence[Task]) -> list[tuple[Collection[str], int]]:
        """Return how many tasks need one of which types; those that fit on fewest first."""
        needs = Counter(map(self._mission.types_of, tasks))
        return sorted(needs.items(), key=lambda need: (len(need[0]), sorted(need[0])))

    def pack(self, tasks: Sequence[Task], progress: Mapping[str, float]) -> Backstop:
        """Return the plan; if a task finds no place, its end is infinite, and it has the others."""
        chains: list[list[str]] = [[] for _ in self._names]
        for heap in self._heaps.values():
            heapify(heap)
        heaps, end = list(self._heaps.items()), 0.0
        ledger, records = self._ledger, self._ledger.tasks
        for task in tasks:
            done = max(records[task.id].saved, progress.get(task.id, 0.0))
            mean, careful = slowness(ledger, task.id, self._elapsed)
            mean, margin = (1 - done) * mean, (1 - done) * (careful - mean)
            place = self._place(heaps, task, mean, margin)
            if place is None:
                end = math.inf
                continue
            ends, kind, index = place
            self._expected[index] += task.runtimes[kind] * mean
            self._variance[index] += (task.runtimes[kind] * margin) ** 2
            chains[index].append(task.id)
            end = max(end, ends)
        return Backstop(self._chains(chains), end)

    def _place(self, heaps: Heaps, task: Task, mean: float, margin: float) -> tuple[float, str, int] | None:
        """Give a task the slot where it ends first; return that end, the type and the slot's number."""
        best, where, runtimes = math.inf, None, self._mission.runtimes(task)
        for kind, heap in heaps:
            runtime = runtimes.get(kind)
            if runtime is not None and heap:
                index = heap[0][1]
                ends = self._expected[index] + runtime * mean
                if margin or self._variance[index]:
                    ends += math.sqrt(self._variance[index] + (runtime * margin) ** 2)
                if ends < best:
                    best, where = ends, (kind, heap)
        if where is None:
            return None
        kind, heap = where
        index = heap[0][1]
        heapreplace(heap, (best, index))
        return best, kind, index

    def _chains(self, chains: list[list[str]]) -> tuple[Chain, ...]:
        ends = {index: end for heap in self._heaps.values() for end, index in heap}
        return tuple(
            Chain(*self._names[index], tuple(ids), ends[index] - self._free_from[index])
            for index, ids in enumerate(chains)
            if ids
        )

    def _add(self, vm_id: str, kind: str, launched: bool, times: list[float]) -> None:
        heap = self._heaps.setdefault(kind, [])
        for time in times:
            heap.append((time, len(self._names)))
            self._names.append((vm_id, kind, launched))
            self._free_from.append(time)
            self._expected.append(time)
            self._variance.append(0.0)

    def _strength(self, kind: InstanceType) -> float:
        slots = 1 if self._quickest else self._mission.usual_slots(kind)
        return slots / max(self._mission.mean_runtime(kind), 1e-9)

    def _slots(self, kind: InstanceType) -> int:
        """Return how many slots a VM of that type has; each may have any task that fits on it."""
        return self._mission.safe_slots(kind)


class Room:
    """How many more on-demand VMs the limits allow.

    :param leaving: the type of a VM that is ended before.
    :param launching: the type of a VM that is launched before.
    """

    def __init__(self, ledger: Ledger, leaving: InstanceType | None, launching: InstanceType | None) -> None:
        mission, counted = ledger.terms, len(ledger.counted[Market.ON_DEMAND])
        self._counts = ledger.counts
        self._left = mission.environment.global_limit(Market.ON_DEMAND) - counted
        self._vcpus = _vcpus_left(ledger)
        self._taken: Counter[str] = Counter()
        self._changes: Counter[str] = Counter()
        for kind, change in ((leaving, -1), (launching, 1)):
            if kind is not None:
                self._left -= change
                self._vcpus -= change * kind.vcpus
                self._changes[kind.name] += change

    def count(self, kind: InstanceType) -> int:
        """Return how many more there may be of that type."""
        there = self._counts[kind.name, Market.ON_DEMAND] + self._changes[kind.name] + self._taken[kind.name]
        count = min(kind.limit(Market.ON_DEMAND) - there, self._left)
        if self._vcpus < math.inf:
            count = min(count, int(self._vcpus // kind.vcpus))
        return max(count, 0)

    def take(self, kind: InstanceType, count: int) -> int:
        """Count some more in; return the number of the first, of those of its type."""
        first = self._taken[kind.name]
        self._taken[kind.name] += count
        self._left -= count
        self._vcpus -= count * kind.vcpus
        return first


def _vcpus_left(ledger: Ledger) -> float:
    """Return the vCPUs that on-demand VMs may still take; spot VMs would make room."""
    if ledger.terms.vcpu_limit is None:
        return math.inf
    return ledger.terms.vcpu_limit - vcpus_in_use(ledger, Market.ON_DEMAND)
