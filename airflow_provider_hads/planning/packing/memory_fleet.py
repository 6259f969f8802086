"""VMs with an order of tasks each: the state of a search where memory may bind."""

from __future__ import annotations

import math
from collections.abc import Sequence

from airflow_provider_hads.planning.packing.instance import Instance
from airflow_provider_hads.planning.packing.schedule import end_and_moment_of, end_of

__all__ = ["MemoryFleet"]


class MemoryFleet:
    """VMs and, for each, its tasks in the order in which they start.

    :param choices: by VM, the number of its choice.
    :param orders: by VM, its tasks.
    """

    def __init__(self, instance: Instance, choices: list[int], orders: list[list[int]]) -> None:
        self.instance = instance
        self.choice = choices
        self.orders = orders
        self.vm_of = [-1] * len(instance.tasks)
        for vm, order in enumerate(orders):
            for task in order:
                self.vm_of[task] = vm
        self.end = [self.end_with(vm, order) for vm, order in enumerate(orders)]

    def end_with(self, vm: int, order: Sequence[int], latest: float = math.inf) -> float:
        """Return when a VM would end with those tasks; infinity if that is later than a given end."""
        return self.end_on(self.choice[vm], order, latest)

    def end_on(self, choice: int, order: Sequence[int], latest: float = math.inf) -> float:
        """Return when a VM of a choice would end with those tasks; infinity if later than a given end."""
        instance = self.instance
        kind = instance.choices[choice]
        return end_of(order, instance.times[choice], instance.memory, kind.slots, kind.type.memory, latest)

    def end_and_moment_with(
        self, vm: int, order: Sequence[int], latest: float = math.inf
    ) -> tuple[float, float]:
        """Return a VM's end and the moment of its work; infinity for both if it is later than a given end."""
        kind = self.instance.choices[self.choice[vm]]
        times = self.instance.times[self.choice[vm]]
        return end_and_moment_of(order, times, self.instance.memory, kind.slots, kind.type.memory, latest)

    def add(self, choice: int, order: list[int]) -> None:
        """Add a VM."""
        self.choice.append(choice)
        self.orders.append(order)
        self.end.append(self.end_with(len(self.choice) - 1, order))

    def set_orders(self, orders: list[list[int]], end: list[float]) -> None:
        """Give all VMs their tasks anew.

        :param end: seconds by VM, as the orders make them.
        """
        self.orders, self.end = orders, end
        for vm, order in enumerate(orders):
            for task in order:
                self.vm_of[task] = vm

    def copy(self) -> MemoryFleet:
        """Return a copy without the VMs that have no tasks."""
        used = [vm for vm, order in enumerate(self.orders) if order]
        return MemoryFleet(
            self.instance, [self.choice[vm] for vm in used], [list(self.orders[vm]) for vm in used]
        )

    def cost(self) -> float:
        """Return dollars."""
        choices = self.instance.choices
        return math.fsum(
            choices[choice].rate * end for choice, end in zip(self.choice, self.end, strict=True)
        )

    def in_time(self) -> bool:
        """Say whether each VM ends in time."""
        choices = self.instance.choices
        return all(end <= choices[choice].latest for choice, end in zip(self.choice, self.end, strict=True))
