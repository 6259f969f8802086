"""The way out that is known: the last plan that was in time, as far as it is still to be done.

Longest-first lists are not stable: when a slot falls free, or a task has ended, a plan that is made anew may
end later than the one that was there before. What was in time once stays so, if it is begun when it is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_provider_hads.control.backstop import covered_tasks, open_seconds, stays, uncovered
from airflow_provider_hads.control.backstop_fleet import LAUNCHING, Backstop, Busy, Room
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import paused, vcpus_in_use
from airflow_provider_hads.control.remaining import busy_until, in_hand
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import Chain, VmRecord

__all__ = ["are_whole", "known_backstop", "still_to_do"]


def still_to_do(ledger: Ledger, elapsed: float, covered: set[str]) -> list[Chain]:
    """Return what is left of the known plan.

    :param elapsed: seconds since the run's start.
    :param covered: the tasks that are in hand.
    """
    chains = []
    for chain in ledger.backstop:
        left, seconds = open_seconds(ledger, chain, covered, elapsed)
        if left:
            chains.append(replace(chain, task_ids=left, seconds=seconds))
    return chains


def are_whole(ledger: Ledger, chains: Sequence[Chain], covered: set[str]) -> bool:
    """Say whether each open task that is not in hand is in a plan: that of a VM that was ended may not be.

    :param covered: the tasks that are in hand.
    """
    planned = {task_id for chain in chains for task_id in chain.task_ids}
    return all(task.id in planned for task in uncovered(ledger, covered))


def known_backstop(
    ledger: Ledger,
    elapsed: float,
    *,
    trial: Busy | None = None,
    without: str | None = None,
    launching: InstanceType | None = None,
) -> Backstop:
    """Return the known plan as it stands now; its end is infinite where it can't be carried out any more.

    The parameters are those of :func:`~airflow_provider_hads.control.backstop.find_backstop`.
    """
    covered = covered_tasks(ledger, elapsed, trial, without)
    chains = still_to_do(ledger, elapsed, covered)
    if not are_whole(ledger, chains, covered):
        return Backstop((), math.inf)
    if launching is not None:
        chains = _with_launching(chains, launching)
    known = _Known(ledger, elapsed, trial, without, launching)
    return Backstop(tuple(chains), max(known.ends(chains), default=0.0))


def _with_launching(chains: Sequence[Chain], kind: InstanceType) -> list[Chain]:
    """Return a plan in which a VM that is launched now has the place of that one with the most to do."""
    places = [chain for chain in chains if not chain.launched and chain.instance_type == kind.name]
    place = max(places, key=lambda chain: chain.seconds, default=None)
    return [
        replace(chain, vm_id=f"{kind.name}{LAUNCHING}", launched=True)
        if place is not None and not chain.launched and chain.vm_id == place.vm_id
        else chain
        for chain in chains
    ]


class _Known:
    """When the VMs of a known plan will have done their parts of it, in seconds since the run's start."""

    def __init__(
        self,
        ledger: Ledger,
        elapsed: float,
        trial: Busy | None,
        without: str | None,
        launching: InstanceType | None,
    ) -> None:
        self._ledger = ledger
        self._mission = ledger.terms
        self._elapsed = elapsed
        self._trial = trial
        self._without = without
        leaving = None if without is None else ledger.kind(ledger.vms[without])
        self._room = Room(ledger, leaving, launching)
        limit = ledger.terms.vcpu_limit
        self._free_vcpus = math.inf if limit is None else limit - vcpus_in_use(ledger)

    def ends(self, chains: Sequence[Chain]) -> Iterator[float]:
        """Yield the end of each VM's part."""
        by_vm: dict[str, list[Chain]] = {}
        for chain in chains:
            by_vm.setdefault(chain.vm_id, []).append(chain)
        for vm_id, part in by_vm.items():
            if vm_id.endswith(LAUNCHING):
                yield self._elapsed + self._mission.boot + _longest(part)
            elif part[0].launched:
                yield self._end_on(vm_id, part)
        new = (part for part in by_vm.values() if not part[0].launched)
        for part in sorted(new, key=_longest, reverse=True):
            yield self._end_on_new(part)

    def _end_on_new(self, part: Sequence[Chain]) -> float:
        """Return the end of a part whose VM is to be launched; infinite, where the limits have no place."""
        kind = self._mission.types[part[0].instance_type]
        if not self._room.count(kind) or paused(self._ledger, kind, Market.ON_DEMAND, self._elapsed):
            return math.inf
        self._room.take(kind, 1)
        self._free_vcpus -= kind.vcpus
        has_to_wait = self._free_vcpus < 0  # for spot VMs to end
        ahead = self._mission.ahead if has_to_wait else self._mission.boot + self._mission.reaction
        return self._elapsed + ahead + _longest(part)

    def _end_on(self, vm_id: str, part: Sequence[Chain]) -> float:
        ledger = self._ledger
        there = vm_id in ledger.living[Market.ON_DEMAND] and stays(ledger, vm_id)
        if not there or vm_id == self._without:
            return math.inf
        vm = ledger.vms[vm_id]
        end = _end_of(self._free_from(vm), part)
        if vm.instance_type in self._mission.mixed_types:
            return min(end, self._end_by_memory(vm, part))
        return end

    def _free_from(self, vm: VmRecord) -> list[float]:
        """Return when each slot is free that may have any task."""
        slots = self._mission.safe_slots(self._ledger.kind(vm))
        busy = busy_until(self._ledger, vm, self._elapsed)
        busy += [one.until for one in self._tried(vm)]
        ready = self._ready(vm)
        return sorted([max(end, ready) for end in sorted(busy)[-slots:]] + [ready] * (slots - len(busy)))

    def _end_by_memory(self, vm: VmRecord, part: Sequence[Chain]) -> float:
        """Return the end where each slot has the share of the memory that the largest of its tasks needs.

        The longest chain goes to the slot that is free first, or that with the largest task to the one that
        had the largest.
        """
        kind, tasks, ready = self._ledger.kind(vm), self._mission.job.tasks, self._ready(vm)
        slots = in_hand(self._ledger, vm, self._elapsed)
        slots += [(one.until, tasks[one.task_id].memory) for one in self._tried(vm)]
        slots += [(ready, 0.0)] * (self._mission.slots(kind) - len(slots))
        slots = [(max(end, ready), memory) for end, memory in slots]
        chains = [(chain.seconds, max(tasks[task_id].memory for task_id in chain.task_ids)) for chain in part]
        if len(chains) > len(slots):
            return math.inf
        by_time = sorted(slots), sorted(chains, key=lambda one: -one[0])
        by_memory = sorted(slots, key=lambda one: -one[1]), sorted(chains, key=lambda one: -one[1])
        return min(_end_in_shares(*pairing, kind.memory) for pairing in (by_time, by_memory))

    def _ready(self, vm: VmRecord) -> float:
        return max(self._elapsed, vm.ready_by or 0.0) if vm.state.starting else self._elapsed

    def _tried(self, vm: VmRecord) -> list[Busy]:
        return [self._trial] if self._trial is not None and self._trial.vm_id == vm.id else []


def _end_in_shares(
    slots: Sequence[tuple[float, float]], chains: Sequence[tuple[float, float]], memory: float
) -> float:
    """Return the end of chains, each in the slot at its place; infinite, where their shares are too large.

    :param slots: when each is free, and the MB of what it had.
    :param chains: the seconds of each, and the MB of its largest task.
    :param memory: MB of the VM.
    """
    padded = [*chains, *[(0.0, 0.0)] * (len(slots) - len(chains))]
    if sum(max(had, needs) for (_, had), (_, needs) in zip(slots, padded, strict=True)) > memory * (1 + 1e-9):
        return math.inf
    return max(free + seconds for (free, _), (seconds, _) in zip(slots, chains, strict=False))


def _longest(part: Sequence[Chain]) -> float:
    return max(chain.seconds for chain in part)


def _end_of(free_from: Sequence[float], part: Sequence[Chain]) -> float:
    """Return the end of some chains: the longest goes where a slot is free first."""
    seconds = sorted((chain.seconds for chain in part), reverse=True)
    if len(seconds) > len(free_from):
        return math.inf
    return max(free + one for free, one in zip(free_from, seconds, strict=False))
