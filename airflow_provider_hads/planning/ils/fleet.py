"""Which VM each task is on, and when each VM ends: what the local search changes."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace, nlargest

from airflow_provider_hads.model import InstanceType, Market, Plan, Task
from airflow_provider_hads.planning.draft import can_run
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.timeline import MEMORY_TOLERANCE, last_end

__all__ = ["Kind", "SearchFleet", "Trial"]


class Kind:
    """One instance type in one market, and the runtimes of all tasks on it.

    :param tasks: all tasks; a task is known by its number in this order, in which a VM also takes them.
    """

    __slots__ = (
        "_areas",
        "_memory",
        "_roomy",
        "_uniform",
        "instance_type",
        "market",
        "price",
        "runtimes",
        "slots",
    )

    def __init__(
        self, request: PlanRequest, instance_type: InstanceType, market: Market, tasks: Sequence[Task]
    ) -> None:
        self.instance_type = instance_type
        self.market = market
        self.price = instance_type.price(market) / 3600
        self.slots = request.slots(instance_type.vcpus)
        self.runtimes = [
            task.runtime(instance_type.name) if can_run(instance_type, task) else math.inf for task in tasks
        ]
        self._memory = [task.memory for task in tasks]
        self._roomy = sum(nlargest(self.slots, self._memory)) <= instance_type.memory
        room = instance_type.memory * (1 + MEMORY_TOLERANCE)
        self._areas = [
            seconds * need / room for seconds, need in zip(self.runtimes, self._memory, strict=True)
        ]
        self._uniform = self.runtimes[0] if len(set(self.runtimes)) == 1 else None

    def load(self, queue: Sequence[int]) -> float:
        """Return the sum of the tasks' runtimes, seconds."""
        return sum(map(self.runtimes.__getitem__, queue))

    def bound(self, queue: Sequence[int], load: float) -> float:
        """Return seconds before which a VM can't end that has those tasks: its cores and its memory are full.

        :param load: the sum of their runtimes, seconds.
        """
        if not queue:
            return 0.0
        cores = load / self.slots
        if self._uniform is not None:
            cores = -(-len(queue) // self.slots) * self._uniform
        return cores if self._roomy else max(cores, sum(map(self._areas.__getitem__, queue)))

    def end(self, queue: Sequence[int], latest: float = math.inf) -> float:
        """Return when a VM ends that takes those tasks in ascending order, each where it ends first.

        :param latest: seconds; an end that is later may be told as infinite.
        """
        runtimes = list(map(self.runtimes.__getitem__, queue))
        if math.inf in runtimes:
            return math.inf
        if not self._roomy:
            return self._end_by_memory(queue, runtimes, latest)
        if len(runtimes) <= self.slots:
            return max(runtimes, default=0.0)
        ends = runtimes[: self.slots]
        heapify(ends)
        for runtime in runtimes[self.slots :]:
            heapreplace(ends, ends[0] + runtime)
        return max(ends)

    def _end_by_memory(self, queue: Sequence[int], runtimes: Sequence[float], latest: float) -> float:
        needs = map(self._memory.__getitem__, queue)
        return last_end(self.slots, self.instance_type.memory, zip(runtimes, needs, strict=True), latest)


class SearchFleet:
    """VMs, by number, with their queues: the tasks of each in ascending order.

    :ivar ends: seconds, by VM.
    :ivar loads: sum of the tasks' runtimes, by VM.
    :ivar owners: number of its VM, by task.
    """

    __slots__ = ("ends", "kinds", "loads", "owners", "queues")

    def __init__(self, kinds: Iterable[Kind], queues: Iterable[list[int]]) -> None:
        self.kinds = list(kinds)
        self.queues = list(queues)
        self.ends = [kind.end(queue) for kind, queue in zip(self.kinds, self.queues, strict=True)]
        self.loads = [kind.load(queue) for kind, queue in zip(self.kinds, self.queues, strict=True)]
        self.owners: list[int] = []
        self._find_owners()

    @classmethod
    def of_plan(cls, request: PlanRequest, plan: Plan, tasks: Sequence[Task]) -> SearchFleet:
        """Return the fleet of a plan.

        :param tasks: the tasks in the order in which a VM is to take them.
        """
        number = {task.id: index for index, task in enumerate(tasks)}
        types = request.environment.instance_types
        kinds: dict[tuple[str, Market], Kind] = {}
        for vm in plan.vms:
            key = vm.instance_type, vm.market
            kinds[key] = kinds.get(key) or Kind(request, types[vm.instance_type], vm.market, tasks)
        queues = [sorted(number[place.task_id] for place in vm.placements) for vm in plan.vms]
        return cls((kinds[vm.instance_type, vm.market] for vm in plan.vms), queues)

    def copy(self) -> SearchFleet:
        """Return a fleet of its own; queues and owners are shared until one is replaced."""
        twin = object.__new__(SearchFleet)
        twin.kinds, twin.queues = self.kinds.copy(), self.queues.copy()
        twin.ends, twin.loads, twin.owners = self.ends.copy(), self.loads.copy(), self.owners.copy()
        return twin

    def open(self, kind: Kind) -> int:
        """Add an idle VM and return its number."""
        self.kinds.append(kind)
        self.queues.append([])
        self.ends.append(0.0)
        self.loads.append(0.0)
        return len(self.kinds) - 1

    def drop_idle(self) -> None:
        """Remove the VMs without tasks; the others are numbered anew."""
        busy = [index for index, queue in enumerate(self.queues) if queue]
        self.kinds = [self.kinds[index] for index in busy]
        self.queues = [self.queues[index] for index in busy]
        self.ends = [self.ends[index] for index in busy]
        self.loads = [self.loads[index] for index in busy]
        self._find_owners()

    def _find_owners(self) -> None:
        self.owners = [0] * sum(map(len, self.queues))
        for index, queue in enumerate(self.queues):
            for task in queue:
                self.owners[task] = index


class Trial:
    """A fleet with some tasks moved; only the VMs that they leave or join are looked at again.

    :ivar ends: seconds, by VM; of a changed VM, a lower bound until it is settled.
    """

    __slots__ = ("_fleet", "_loads", "_owners", "_queues", "_unsettled", "ends")

    def __init__(self, fleet: SearchFleet) -> None:
        self.ends = fleet.ends.copy()
        self._fleet = fleet
        self._loads: dict[int, float] = {}
        self._owners: dict[int, int] = {}
        self._queues: dict[int, list[int]] = {}
        self._unsettled: set[int] = set()

    def move(self, task: int, vm: int) -> None:
        """Put a task on another VM."""
        source = self._owners.get(task, self._fleet.owners[task])
        if source == vm:
            return
        self._owners[task] = vm
        self._queue(source).remove(task)
        insort(self._queue(vm), task)
        self._bound(source, -self._fleet.kinds[source].runtimes[task])
        self._bound(vm, self._fleet.kinds[vm].runtimes[task])

    def _queue(self, vm: int) -> list[int]:
        if vm not in self._queues:
            self._queues[vm] = self._fleet.queues[vm].copy()
            self._loads[vm] = self._fleet.loads[vm]
        return self._queues[vm]

    def _bound(self, vm: int, change: float) -> None:
        """Note how the load has changed, and give the VM the end that it can't be before."""
        load = self._loads[vm] + change
        self._loads[vm] = load
        self.ends[vm] = self._fleet.kinds[vm].bound(self._queues[vm], load)
        self._unsettled.add(vm)

    def next_unsettled(self) -> int | None:
        """Return a VM whose end is not exact yet, or None if all of them are."""
        return self._unsettled.pop() if self._unsettled else None

    def settle(self, vm: int, latest: float) -> bool:
        """Make the end of a VM exact, or say that it is after ``latest`` (seconds), and leave it a bound."""
        end = self._fleet.kinds[vm].end(self._queues[vm], latest)
        if end > latest:
            self._unsettled.add(vm)
            return False
        self.ends[vm] = end
        return True

    def accept(self) -> None:
        """Make the moves; all ends must be settled."""
        fleet = self._fleet
        fleet.ends = self.ends
        for vm, queue in self._queues.items():
            fleet.queues[vm] = queue
            fleet.loads[vm] = self._loads[vm]
        for task, vm in self._owners.items():
            fleet.owners[task] = vm
