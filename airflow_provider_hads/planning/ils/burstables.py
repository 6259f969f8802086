"""The burstable allocation: what the search left violating, and some more, goes to burstable VMs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from airflow_provider_hads.model import InstanceType, Market, Plan, Task
from airflow_provider_hads.planning.draft import DraftVm, FleetDraft, full_speed_types
from airflow_provider_hads.planning.ils.fleet import Kind, SearchFleet
from airflow_provider_hads.planning.request import PlanRequest

__all__ = ["allocate_burstables"]

NAME = "ils"


def allocate_burstables(
    request: PlanRequest, fleet: SearchFleet, tasks: Sequence[Task], d_spot: float, factor: float
) -> Plan | None:
    """Return the plan that a solution amounts to, or None if not all its tasks find a place.

    :param fleet: the solution.
    :param tasks: the tasks in the order of their numbers.
    :param d_spot: seconds.
    :param factor: burstable VMs as a share of the others.
    """
    allocation = _Allocation(request, fleet, tasks, d_spot)
    violating = allocation.take_violating()
    allocation.open_idle(math.ceil(factor * len(allocation.regular)))
    if not all(allocation.place(task) for task in violating):
        return None
    allocation.employ_idle()
    return allocation.plan()


class _Regular:
    """A VM of the solution: its queue can lose tasks until it is put into the draft."""

    def __init__(self, kind: Kind, queue: list[int], vm: DraftVm) -> None:
        self.kind = kind
        self.queue = queue
        self.vm = vm

    @property
    def end(self) -> float:
        return self.kind.end(self.queue)


class _Allocation:
    """The VMs of one solution, and those that are opened beside them."""

    def __init__(
        self, request: PlanRequest, fleet: SearchFleet, tasks: Sequence[Task], d_spot: float
    ) -> None:
        types = request.environment.instance_types.values()
        self._draft = FleetDraft(request)
        self._tasks = tasks
        self._horizon = request.horizon
        self._d_spot = d_spot
        self._burstable = [kind for kind in types if kind.burstable and kind.burstable.baseline > 0]
        self._on_demand = full_speed_types(types, Market.ON_DEMAND)
        self._on_demand.sort(key=lambda kind: kind.price(Market.ON_DEMAND))
        self._idle: list[DraftVm] = []
        self._added: list[DraftVm] = []
        self.regular = [
            _Regular(kind, list(queue), self._draft.open(kind.instance_type, kind.market))
            for kind, queue in zip(fleet.kinds, fleet.queues, strict=True)
            if queue
        ]

    def take_violating(self) -> list[Task]:
        """Take the last tasks off each spot VM until it ends by D_spot."""
        taken = []
        for regular in self.regular:
            while regular.kind.market is Market.SPOT and regular.end > self._d_spot:
                taken.append(self._tasks[regular.queue.pop()])
        return taken[::-1]

    def open_idle(self, count: int) -> None:
        """Open burstable VMs, of the first type that the limits allow, as many as they allow."""
        for _ in range(count):
            kind = next((kind for kind in self._burstable if self._allows(kind)), None)
            if kind is None:
                return
            self._idle.append(self._open(kind))

    def _allows(self, kind: InstanceType) -> bool:
        return kind.offers(Market.ON_DEMAND) and self._draft.allows(kind, Market.ON_DEMAND)

    def _open(self, kind: InstanceType) -> DraftVm:
        share = kind.burstable.baseline if kind.burstable else None
        return self._draft.open(kind, Market.ON_DEMAND, share)

    def place(self, task: Task) -> bool:
        """Place a violating task: idle burstable VM, new one, one added before, new on-demand VM."""
        for vm in self._idle:
            if self._insert(task, vm):
                self._idle.remove(vm)
                self._added.append(vm)
                return True
        return (
            self._place_on_new(task, self._burstable)
            or any(self._insert(task, vm) for vm in self._added)
            or self._place_on_new(task, self._on_demand)
        )

    def _insert(self, task: Task, vm: DraftVm, latest_end: float | None = None) -> bool:
        slot = vm.earliest(task, self._horizon if latest_end is None else latest_end)
        if slot is not None:
            vm.insert(task, slot)
        return slot is not None

    def _place_on_new(self, task: Task, kinds: Iterable[InstanceType]) -> bool:
        for kind in kinds:
            share = kind.burstable.baseline if kind.burstable else 1.0
            fits = (
                task.memory <= kind.memory and task.runtimes.get(kind.name, math.inf) / share <= self._horizon
            )
            if fits and self._allows(kind):
                vm = self._open(kind)
                self._added.append(vm)
                return self._insert(task, vm)
        return False

    def employ_idle(self) -> None:
        """Give each idle burstable VM the last task of the VM that ends last, if that ends in time there.

        In time is by the makespan; if no VM has such a task, by the deadline.
        """
        makespan = max(regular.end for regular in self.regular)
        for vm in self._idle:
            if not self._take_last(vm, makespan):
                self._take_last(vm, self._horizon)

    def _take_last(self, vm: DraftVm, latest_end: float) -> bool:
        for regular in sorted(self.regular, key=lambda one: one.end, reverse=True):
            if regular.queue and self._insert(self._tasks[regular.queue[-1]], vm, latest_end):
                regular.queue.pop()
                return True
        return False

    def plan(self) -> Plan | None:
        """Return the plan of all VMs that have tasks."""
        latest = {Market.SPOT: self._d_spot, Market.ON_DEMAND: self._horizon}
        for regular in self.regular:
            for number in regular.queue:
                task, vm = self._tasks[number], regular.vm
                slot = vm.earliest(task, latest[vm.market])
                if slot is None:
                    return None
                vm.insert(task, slot)
        plan = self._draft.plan(NAME, self._d_spot)
        busy = [vm for vm in plan.vms if vm.placements]
        return replace(plan, vms=tuple(replace(vm, id=f"vm-{index}") for index, vm in enumerate(busy)))
