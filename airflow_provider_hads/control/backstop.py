"""The way out: a plan of all open work on on-demand VMs, and how long it can wait.

A run is safe as long as there is such a plan that meets the deadline: spot VMs play no part in it, so that
their loss does not harm it. Once found, it stays valid while time passes, until the moment by which something
of it must be begun; who does that then, keeps the deadline. Tasks that end, wherever, only make it shorter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import TypeAlias

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.remaining import (
    attempt_of,
    busy_until,
    expected_end,
    kept_share,
    slowness,
)
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.run_state import Chain, VmRecord
from airflow_provider_hads.model.runner import AttemptState

__all__ = [
    "Backstop",
    "Busy",
    "act_by",
    "chain_seconds",
    "covered_tasks",
    "find_backstop",
    "open_seconds",
    "uncovered",
]


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


def find_backstop(
    ledger: Ledger,
    elapsed: float,
    *,
    trial: Busy | None = None,
    without: str | None = None,
    launching: InstanceType | None = None,
    progress: Mapping[str, float] | None = None,
) -> Backstop:
    """Plan all open work on the on-demand VMs there are and on those that could be launched.

    Longest task first, each where it ends first (Graham's list scheduling).

    :param trial: take a task for placed.
    :param without: a VM to leave out.
    :param launching: take an on-demand VM of that type for launched.
    :param progress: by task id, more than what checkpoints keep.
    """
    tasks = uncovered(ledger, covered_tasks(ledger, elapsed, trial, without))
    fleet = _Fleet(ledger, elapsed)
    for vm_id in ledger.living[Market.ON_DEMAND]:
        if vm_id != without and _stays(ledger, vm_id):
            fleet.add_existing(ledger.vms[vm_id], trial)
    if launching is not None:
        fleet.add_launching(launching)
    fleet.add_new(len(tasks), without, launching)
    kept = {**_running_progress(ledger, tasks, elapsed), **(progress or {})}
    return fleet.pack(tasks, kept)


def _running_progress(ledger: Ledger, tasks: Sequence[Task], elapsed: float) -> dict[str, float]:
    """Return what running attempts have done, where a loss of their VMs does not lose it."""
    if not ledger.terms.keeps_progress:
        return {}
    return {task.id: kept_share(ledger, task.id, elapsed) for task in tasks}


def covered_tasks(
    ledger: Ledger, elapsed: float, trial: Busy | None = None, without: str | None = None
) -> set[str]:
    """Return the tasks that an on-demand VM has in hand, or a burstable one that will end them in time.

    :param elapsed: seconds since the run's start.
    """
    covered: set[str] = set()
    for vm_id in ledger.living[Market.ON_DEMAND]:
        if vm_id == without or not ledger.work[vm_id] or not _stays(ledger, vm_id):
            continue
        if ledger.kind(ledger.vms[vm_id]).burstable is None:
            covered.update(ledger.work[vm_id].values())
        else:
            covered.update(_in_time(ledger, ledger.vms[vm_id], elapsed))
    if trial is not None:
        covered.add(trial.task_id)
    return covered


def _stays(ledger: Ledger, vm_id: str) -> bool:
    """Say whether a VM will be there: it is not being ended, and has no notice."""
    return ledger.vms[vm_id].leaves_at is None and f"terminate/{vm_id}" not in ledger.pending


def _in_time(ledger: Ledger, vm: VmRecord, elapsed: float) -> list[str]:
    """Return the tasks that a burstable VM runs, and will have ended in time at the speed they have."""
    limit = ledger.deadline - ledger.terms.safety
    running = [
        (task_id, one)
        for name, task_id in ledger.work[vm.id].items()
        if (one := attempt_of(ledger, task_id, name)).state is not AttemptState.QUEUED
        or len(ledger.work[vm.id]) <= ledger.terms.safe_slots(ledger.kind(vm))
    ]
    return [
        task_id
        for task_id, one in running
        if expected_end(ledger, vm, task_id, one, elapsed, careful=True) <= limit
    ]


def uncovered(ledger: Ledger, covered: set[str]) -> list[Task]:
    """Return the open tasks that no on-demand VM has in hand, longest first."""
    tasks, unpublished = ledger.tasks, ledger.unpublished
    return [
        task
        for task in ledger.terms.order
        if task.id not in covered and not tasks[task.id].state.ended and task.id not in unpublished
    ]


def act_by(ledger: Ledger, chains: Iterable[Chain], limit: float) -> float:
    """Return the moment by which something of a plan must be begun: a launch, or a task in a free slot.

    :param limit: seconds since the run's start by which all is to be done.
    """
    ahead = ledger.terms.boot + ledger.terms.reaction
    earliest = math.inf
    for chain in chains:
        if not chain.launched:
            earliest = min(earliest, limit - ahead - chain.seconds)
        else:
            earliest = min(earliest, limit - chain.seconds)
    return earliest


def open_seconds(
    ledger: Ledger, chain: Chain, covered: set[str], elapsed: float
) -> tuple[tuple[str, ...], float]:
    """Return what is left of a chain: its tasks that are still open and not in hand, and their seconds."""
    left = tuple(
        task_id
        for task_id in chain.task_ids
        if task_id not in covered
        and task_id not in ledger.unpublished
        and not ledger.tasks[task_id].state.ended
    )
    return left, chain_seconds(ledger, left, chain.instance_type, elapsed)


def chain_seconds(ledger: Ledger, task_ids: Iterable[str], kind: str, elapsed: float) -> float:
    """Return the seconds in which tasks will have ended, one after the other on a VM of that type.

    Each may be slower than expected, but hardly all of them: their margins add as variances do.
    """
    expected = variance = 0.0
    for task_id in task_ids:
        left = ledger.terms.job.tasks[task_id].runtimes[kind] * (1 - ledger.tasks[task_id].saved)
        mean, careful = slowness(ledger, task_id, elapsed)
        expected += left * mean
        variance += (left * (careful - mean)) ** 2
    return expected + math.sqrt(variance)


_Heaps: TypeAlias = Sequence[tuple[str, list[tuple[float, int]]]]


class _Fleet:
    """Slots of on-demand VMs, each with the time from which it is free and the tasks it would run."""

    def __init__(self, ledger: Ledger, elapsed: float) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._elapsed = elapsed
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
        slots = self._mission.safe_slots(kind)
        self._add(f"{kind.name}#now", kind.name, True, [self._elapsed + self._mission.boot] * slots)

    def add_new(self, tasks: int, without: str | None, launching: InstanceType | None = None) -> None:
        """Add VMs that could be launched, the strongest first, until each task could have its slot."""
        ledger, mission = self._ledger, self._mission
        ready = self._elapsed + mission.boot + mission.reaction
        left = mission.environment.global_limit(Market.ON_DEMAND) - len(ledger.living[Market.ON_DEMAND])
        leaving = None if without is None else ledger.kind(ledger.vms[without])
        left += (leaving is not None) - (launching is not None)
        vcpus = _vcpus_left(ledger) - (launching.vcpus if launching is not None else 0)
        vcpus += leaving.vcpus if leaving is not None else 0
        for kind in sorted(mission.on_demand_types, key=self._strength, reverse=True):
            count = kind.limit(Market.ON_DEMAND) - ledger.counts[kind.name, Market.ON_DEMAND]
            count = min(count + (kind is leaving) - (kind is launching), left)
            if self._elapsed < ledger.pauses.get(f"{kind.name}/{Market.ON_DEMAND}", 0.0):
                continue
            for number in range(count):
                if tasks <= 0 or vcpus < kind.vcpus:
                    break
                slots = mission.safe_slots(kind)
                self._add(f"{kind.name}#{number}", kind.name, False, [ready] * slots)
                left, vcpus, tasks = left - 1, vcpus - kind.vcpus, tasks - slots

    def pack(self, tasks: Sequence[Task], progress: Mapping[str, float]) -> Backstop:
        """Return the plan; its end is infinite if a task finds no place."""
        chains: list[list[str]] = [[] for _ in self._names]
        for heap in self._heaps.values():
            heapify(heap)
        heaps, end = list(self._heaps.items()), 0.0
        ledger, records = self._ledger, self._ledger.tasks
        for task in tasks:
            done = max(records[task.id].saved, progress.get(task.id, 0.0))
            mean, careful = slowness(ledger, task.id, self._elapsed)
            mean, margin = (1 - done) * mean, (1 - done) * (careful - mean)
            place = self._first_end(heaps, task.runtimes, mean, margin)
            if place is None:
                return Backstop((), math.inf)
            ends, kind, heap = place
            index = heap[0][1]
            self._expected[index] += task.runtimes[kind] * mean
            self._variance[index] += (task.runtimes[kind] * margin) ** 2
            heapreplace(heap, (ends, index))
            chains[index].append(task.id)
            end = max(end, ends)
        return Backstop(self._chains(chains), end)

    def _first_end(
        self, heaps: _Heaps, runtimes: Mapping[str, float], mean: float, margin: float
    ) -> tuple[float, str, list[tuple[float, int]]] | None:
        best, where = math.inf, None
        for kind, heap in heaps:
            runtime = runtimes.get(kind)
            if runtime is not None and heap:
                index = heap[0][1]
                ends = self._expected[index] + runtime * mean
                if margin or self._variance[index]:
                    ends += math.sqrt(self._variance[index] + (runtime * margin) ** 2)
                if ends < best:
                    best, where = ends, (kind, heap)
        return None if where is None else (best, *where)

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
        return self._mission.safe_slots(kind) / max(self._mission.mean_runtime(kind), 1e-9)


def _vcpus_left(ledger: Ledger) -> float:
    """Return the vCPUs that on-demand VMs may still take; spot VMs would make room."""
    if ledger.terms.vcpu_limit is None:
        return math.inf
    living = ledger.living[Market.ON_DEMAND]
    return ledger.terms.vcpu_limit - sum(ledger.kind(ledger.vms[vm_id]).vcpus for vm_id in living)
