"""What a controller is to achieve, where it may decide how: job, types, policy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from airflow_provider_hads.model.environment import Environment, InstanceType, Market
from airflow_provider_hads.model.job import Job, Task

__all__ = ["ENDING", "Mission"]

ENDING = 15.0
"""Seconds until a spot VM has ended that has to make room for an on-demand one, from when it is due."""


@dataclass(frozen=True)
class Mission:
    """The terms of one run.

    :param policy: name of the policy that decides, see :mod:`airflow_provider_hads.control.policies`.
    :param boot: seconds from a VM's launch to its first task.
    :param reaction: seconds until a loss is noticed and answered.
    :param safety: seconds before the deadline at which all work is to be done. Estimates are whole seconds
        and lists of tasks are not stable against small shifts: without it some runs end seconds late.
    :param parallel: one task a vCPU at a time; else one task a VM.
    :param vcpu_limit: most vCPUs of all VMs together; None is no limit.
    :param keeps_progress: whether a lost task's progress is kept, by checkpoints that are continuous.
    :param generation: how often the run has been cleared and started again.
    :param cycle: seconds of an allocation cycle; policies that keep idle VMs end them with their cycle.
    :param idle_slack: seconds before the end of its cycle at which an idle VM ends.
    :param zones: where VMs may be launched; without any the cloud chooses.
    """

    job: Job
    environment: Environment
    policy: str = "adaptive"
    boot: float = 180.0
    reaction: float = 0.0
    safety: float = 20.0
    parallel: bool = True
    vcpu_limit: int | None = None
    keeps_progress: bool = False
    generation: int = 0
    cycle: float = 900.0
    idle_slack: float = 60.0
    zones: tuple[str, ...] = ()

    @cached_property
    def types(self) -> Mapping[str, InstanceType]:
        """The instance types by name."""
        return self.environment.instance_types

    @cached_property
    def order(self) -> tuple[Task, ...]:
        """The tasks, longest first; equal ones in the order of the file."""
        tasks = self.job.tasks.values()
        return tuple(sorted(tasks, key=lambda task: -max(task.runtimes.values(), default=0.0)))

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Each task's place in :attr:`order`."""
        return {task.id: rank for rank, task in enumerate(self.order)}

    @cached_property
    def on_demand_types(self) -> tuple[InstanceType, ...]:
        """The types that make up for losses: of constant speed, cheapest work first."""
        return self._offered(Market.ON_DEMAND)

    @cached_property
    def spot_types(self) -> tuple[InstanceType, ...]:
        """The spot types of constant speed, cheapest work first."""
        return self._offered(Market.SPOT)

    @cached_property
    def cheaper_than_spot(self) -> tuple[InstanceType, ...]:
        """The on-demand types whose work costs less than that of any spot type, cheapest first."""
        return self.cheaper_for(None)

    def cheaper_for(self, tasks: int | None) -> tuple[InstanceType, ...]:
        """Return the on-demand types on which so many tasks cost less than on any spot type.

        :param tasks: None is as many as fill each VM.
        """
        prices = (self.price_of_work(kind, Market.SPOT, tasks) for kind in self.spot_types)
        spot = min(prices, default=math.inf)
        return tuple(
            kind for kind in self.on_demand_types if self.price_of_work(kind, Market.ON_DEMAND, tasks) < spot
        )

    @cached_property
    def most_slots(self) -> int:
        """Slots of the largest VM."""
        return max(map(self.usual_slots, self.types.values()), default=1)

    @cached_property
    def most_memory(self) -> float:
        """MB of the largest task."""
        return max((task.memory for task in self.order), default=0.0)

    def runtimes(self, task: Task) -> Mapping[str, float]:
        """Return the seconds that a task takes, by type, on the types that have its memory."""
        return task.runtimes if self.all_fit else self._fitting_runtimes[task.id]

    def slots(self, kind: InstanceType) -> int:
        """Return how many tasks a VM of that type runs at once."""
        return kind.vcpus if self.parallel else 1

    def safe_slots(self, kind: InstanceType) -> int:
        """Return how many tasks a VM runs at once, whichever of those that fit on it they are."""
        return self._safe_slots[kind.name]

    def usual_slots(self, kind: InstanceType) -> int:
        """Return how many tasks a VM runs at once if they are of the mean size of those that fit on it."""
        return self._usual_slots[kind.name]

    @cached_property
    def ahead(self) -> float:
        """Seconds from when an on-demand VM is due to its first task."""
        return self.boot + self.reaction + (ENDING if self._is_crowded else 0.0)

    @cached_property
    def all_fit(self) -> bool:
        """Whether each type has the memory for each task."""
        return all(self.most_memory <= kind.memory for kind in self.types.values())

    @cached_property
    def same_types(self) -> bool:
        """Whether all tasks fit on the same types."""
        return len({*self._types_of.values()}) <= 1

    def types_of(self, task: Task) -> frozenset[str]:
        """Return the names of the types on which a task fits."""
        return self._types_of[task.id]

    @cached_property
    def _types_of(self) -> Mapping[str, frozenset[str]]:
        return {task.id: frozenset(self.runtimes(task)) for task in self.order}

    @cached_property
    def mixed_types(self) -> frozenset[str]:
        """The types of which a VM runs more tasks at once where small ones are among them."""
        return frozenset(kind.name for kind in self.types.values() if self._is_mixed(kind))

    @cached_property
    def common_types(self) -> frozenset[str]:
        """The types on which every task fits, as many at once whichever they are."""
        fits_all = {kind.name for kind in self.types.values() if len(self._fitting(kind)) == len(self.order)}
        return frozenset(fits_all - self.mixed_types)

    def price_of_work(self, kind: InstanceType, market: Market, tasks: int | None = None) -> float:
        """Return the dollars for the mean task on a VM of that type.

        :param tasks: how many there are for it at once, if they do not fill it; None fills it.
        """
        slots = self.usual_slots(kind) if tasks is None else min(self.usual_slots(kind), tasks)
        return self._mean_runtimes[kind.name] * kind.price(market) / 3600 / max(slots, 1)

    def mean_runtime(self, kind: InstanceType) -> float:
        """Return the mean seconds of the tasks that can run on that type; 0 where none can."""
        return self._mean_runtimes[kind.name]

    @cached_property
    def _mean_runtimes(self) -> Mapping[str, float]:
        fitting = {kind.name: self._fitting(kind) for kind in self.types.values()}
        return {
            name: sum(task.runtimes[name] for task in tasks) / max(len(tasks), 1)
            for name, tasks in fitting.items()
        }

    @cached_property
    def _safe_slots(self) -> Mapping[str, int]:
        largest = {
            kind.name: max((task.memory for task in self._fitting(kind)), default=0.0)
            for kind in self.types.values()
        }
        return {
            name: min(
                self.slots(self.types[name]), int(self.types[name].memory / memory) if memory else 10**6
            )
            for name, memory in largest.items()
        }

    @cached_property
    def _fitting_runtimes(self) -> Mapping[str, Mapping[str, float]]:
        large_enough = {
            task.id: {kind.name for kind in self.types.values() if task.memory <= kind.memory}
            for task in self.order
        }
        return {
            task.id: {
                name: seconds for name, seconds in task.runtimes.items() if name in large_enough[task.id]
            }
            for task in self.order
        }

    @property
    def _is_crowded(self) -> bool:
        """Whether spot VMs may have the vCPUs that on-demand VMs need."""
        return self.vcpu_limit is not None and self.vcpu_limit < sum(map(self._most_vcpus, Market))

    def _most_vcpus(self, market: Market) -> int:
        counts = {kind.name: kind.limit(market) for kind in self.types.values() if kind.offers(market)}
        return sum(count * self.types[name].vcpus for name, count in counts.items())

    @cached_property
    def _usual_slots(self) -> Mapping[str, int]:
        return {kind.name: self._slots_of_mean_size(kind) for kind in self.types.values()}

    def _is_mixed(self, kind: InstanceType) -> bool:
        smallest = min((task.memory for task in self._fitting(kind)), default=0.0)
        safe = self.safe_slots(kind)
        return safe < self.slots(kind) and (safe + 1) * smallest <= kind.memory

    def _slots_of_mean_size(self, kind: InstanceType) -> int:
        tasks, safe = self._fitting(kind), self.safe_slots(kind)
        if kind.name not in self.mixed_types:
            return safe
        mean = sum(task.memory for task in tasks) / len(tasks)
        return max(safe, min(self.slots(kind), int(kind.memory / mean)))

    def _fitting(self, kind: InstanceType) -> list[Task]:
        return [task for task in self.order if kind.name in task.runtimes and task.memory <= kind.memory]

    def _offered(self, market: Market) -> tuple[InstanceType, ...]:
        offered = [
            kind
            for kind in self.types.values()
            if kind.offers(market) and kind.burstable is None and kind.limit(market) and self._fitting(kind)
        ]
        return tuple(sorted(offered, key=lambda kind: self.price_of_work(kind, market)))
