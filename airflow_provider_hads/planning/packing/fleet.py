"""VMs with tasks on their cores: the state of a search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning.packing.instance import Instance

__all__ = ["Fleet"]


class Fleet:
    """VMs and, for each core, its load and its tasks. Cores are numbered through all VMs.

    :param instance: whose limits hold.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.choice: list[int] = []
        """By VM, the number of its choice."""
        self.first: list[int] = [0]
        """By VM, its first core; the last entry is the number of all cores."""
        self.vm: list[int] = []
        """By core, its VM."""
        self.load: list[float] = []
        self.tasks: list[list[int]] = []
        self.core_of = [-1] * len(instance.tasks)
        self._by_choice: Counter[int] = Counter()
        self._by_market: Counter[Market] = Counter()
        self._vcpus = 0

    def allows(self, choice: int) -> bool:
        """Say whether one more VM of that choice is within the limits."""
        instance, kind = self.instance, self.instance.choices[choice]
        return choice != instance.parking and (
            self._by_choice[choice] < kind.limit
            and self._by_market[kind.market] < instance.market_limits.get(kind.market, 0)
            and (instance.vcpu_limit is None or self._vcpus + kind.type.vcpus <= instance.vcpu_limit)
        )

    def allows_instead(self, closed: Iterable[int], opened: Sequence[int]) -> bool:
        """Say whether VMs of the opened choices are within the limits once the closed VMs have gone."""
        without = Fleet(self.instance)
        without._by_choice, without._by_market = self._by_choice.copy(), self._by_market.copy()
        without._vcpus = self._vcpus
        for vm in closed:
            without.count(self.choice[vm], -1)
        for choice in opened:
            if not without.allows(choice):
                return False
            without.count(choice, 1)
        return True

    def count(self, choice: int, change: int) -> None:
        """Count more VMs of a choice, or fewer; whether they are allowed is the caller's concern."""
        if choice != self.instance.parking:
            kind = self.instance.choices[choice]
            self._by_choice[choice] += change
            self._by_market[kind.market] += change
            self._vcpus += change * kind.type.vcpus

    def open(self, choice: int) -> int:
        """Add an empty VM; return its number."""
        kind, number = self.instance.choices[choice], len(self.choice)
        self.choice.append(choice)
        self.first.append(self.first[-1] + kind.slots)
        self.vm += [number] * kind.slots
        self.load += [0.0] * kind.slots
        self.tasks += [[] for _ in range(kind.slots)]
        self.count(choice, 1)
        return number

    def park(self, tasks: Iterable[int]) -> None:
        """Put tasks on the parking, which the instance must have if there are any."""
        parking = self.instance.parking
        if parking is None:
            return
        for task in tasks:
            if parking not in self.choice:
                self.open(parking)
            self.put(task, self.first[self.choice.index(parking)])

    @property
    def complete(self) -> bool:
        """Whether no task is parked."""
        parking = self.instance.parking
        return parking not in self.choice or not self.tasks[self.first[self.choice.index(parking)]]

    def cores(self, vm: int) -> range:
        """Return the numbers of a VM's cores."""
        return range(self.first[vm], self.first[vm + 1])

    def end(self, vm: int) -> float:
        """Return the seconds that a VM lives."""
        return max(self.load[self.first[vm] : self.first[vm + 1]])

    def ends(self) -> list[float]:
        """Return the seconds that each VM lives."""
        return [self.end(vm) for vm in range(len(self.choice))]

    def cost(self) -> float:
        """Return dollars."""
        choices = self.instance.choices
        return math.fsum(choices[choice].rate * self.end(vm) for vm, choice in enumerate(self.choice))

    def put(self, task: int, core: int) -> None:
        """Add a task to a core; whether it fits is the caller's concern."""
        self.load[core] += self.instance.times[self.choice[self.vm[core]]][task]
        self.tasks[core].append(task)
        self.core_of[task] = core

    def take(self, task: int) -> None:
        """Take a task off its core."""
        core = self.core_of[task]
        self.tasks[core].remove(task)
        self.load[core] -= self.instance.times[self.choice[self.vm[core]]][task]
        self.core_of[task] = -1

    def assign(self, core_of: Sequence[int]) -> None:
        """Put each task on the core given for it, whatever was before; loads are summed up anew.

        :param core_of: cores by task.
        """
        self.load = [0.0] * len(self.vm)
        self.tasks = [[] for _ in self.vm]
        for task, core in enumerate(core_of):
            self.put(task, core)

    def copy(self, without: frozenset[int] = frozenset(), anew: bool = False) -> Fleet:
        """Return a copy without empty VMs and without the given ones; loads are summed up anew.

        :param anew: leave all tasks out, but keep the VMs.
        """
        copy = Fleet(self.instance)
        for vm, choice in enumerate(self.choice):
            if vm in without or not any(self.tasks[core] for core in self.cores(vm)):
                continue
            target = copy.first[copy.open(choice)]
            if anew:
                continue
            for core in self.cores(vm):
                for task in self.tasks[core]:
                    copy.put(task, target + core - self.first[vm])
        return copy

    def emptied(self) -> Fleet:
        """Return the same VMs without tasks."""
        empty = Fleet(self.instance)
        for choice in self.choice:
            empty.open(choice)
        return empty
