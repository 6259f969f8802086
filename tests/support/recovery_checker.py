"""Can a loss of all spot VMs be made good? By building the schedule; it shares no code with the planners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_provider_hads.model import InstanceType, Market, Plan, Task
from airflow_provider_hads.planning import PlanRequest

CLOSE = 1e-6
TRIES = 20_000
"""Places tried for one moment, before the answer is "not known"."""


@dataclass(eq=False)
class _Vm:
    kind: InstanceType
    free: list[float]
    """When each core is free, seconds after the loss has been answered."""
    busy: list[tuple[float, float, float]] = field(default_factory=list)
    """Start, end and MB of what was placed."""


def unrecoverable_moments(plan: Plan, request: PlanRequest) -> list[float]:
    """Return the ends of spot tasks right before which a loss can't be made good, in any way.

    All ways to place the lost tasks on new VMs within the limits, and behind the tasks of the plan's own
    on-demand VMs, are gone through: where memory never binds that is exact. Where it does, each task starts
    as early as it can on its core, longest tasks first. A moment with more than TRIES places is left out.
    """
    ends = {place.end for vm in plan.vms if vm.market is Market.SPOT for place in vm.placements}
    return [moment for moment in sorted(ends) if _Recovery(plan, request, moment).possible() is False]


class _Recovery:
    def __init__(self, plan: Plan, request: PlanRequest, moment: float) -> None:
        self.request = request
        begin = moment + request.reaction + request.boot
        self.window = request.deadline - request.lead_time - begin + CLOSE
        spot = [vm for vm in plan.vms if vm.market is Market.SPOT]
        lost = [place.task_id for vm in spot for place in vm.placements if place.end >= moment]
        self.tasks = [request.job.tasks[task_id] for task_id in lost]
        self.tasks.sort(key=lambda task: -max(task.runtimes.values()))
        self.opened: Counter[str] = Counter()
        self.vms = list(self._own(plan, begin))
        self.tries = 0

    def _own(self, plan: Plan, begin: float) -> Iterator[_Vm]:
        """Yield the plan's on-demand VMs, whose cores are busy until all their tasks end."""
        for vm in plan.vms:
            if vm.market is not Market.ON_DEMAND:
                continue
            self.opened[vm.instance_type] += 1
            kind = self.request.environment.instance_types[vm.instance_type]
            if kind.burstable is None:
                end = max(0.0, max(place.end for place in vm.placements) - begin)
                yield _Vm(kind, [end] * self._slots(kind))

    def _slots(self, kind: InstanceType) -> int:
        return kind.vcpus if self.request.parallel else 1

    def possible(self) -> bool | None:
        """Say whether all lost tasks can be placed; None if that was not found out."""
        found = self._place(0)
        return found if found or self.tries <= TRIES else None

    def _place(self, number: int) -> bool:
        if number == len(self.tasks):
            return True
        task = self.tasks[number]
        for start, core, vm in sorted(self._places(task), key=lambda place: place[0] + _seconds(task, place)):
            self.tries += 1
            if self.tries > TRIES:
                return False
            if self._placed(number, start, core, vm):
                return True
        return False

    def _placed(self, number: int, start: float, core: int, vm: _Vm) -> bool:
        """Place one task and, if that can be, all after it; else undo it."""
        task = self.tasks[number]
        end, before, is_new = start + task.runtimes[vm.kind.name], vm.free[core], vm not in self.vms
        if is_new:
            self.vms.append(vm)
            self.opened[vm.kind.name] += 1
        vm.free[core] = end
        vm.busy.append((start, end, task.memory))
        if self._place(number + 1):
            return True
        vm.busy.pop()
        vm.free[core] = before
        if is_new:
            self.vms.remove(vm)
            self.opened[vm.kind.name] -= 1
        return False

    def _places(self, task: Task) -> Iterator[tuple[float, int, _Vm]]:
        fresh = [_Vm(kind, [0.0] * self._slots(kind)) for kind in self._allowed()]
        for vm in [*self.vms, *fresh]:
            seconds = task.runtimes.get(vm.kind.name)
            if seconds is None or task.memory > vm.kind.memory:
                continue
            for free in sorted(set(vm.free)):
                start = _first_start(vm, free, seconds, task.memory)
                if start + seconds <= self.window:
                    yield start, vm.free.index(free), vm

    def _allowed(self) -> Iterator[InstanceType]:
        environment, vcpu_limit = self.request.environment, self.request.vcpu_limit
        if sum(self.opened.values()) >= environment.global_limits.get(Market.ON_DEMAND, 0):
            return
        used = sum(environment.instance_types[name].vcpus * count for name, count in self.opened.items())
        for kind in environment.instance_types.values():
            offered = Market.ON_DEMAND in kind.prices and kind.burstable is None
            within = self.opened[kind.name] < kind.limits.get(Market.ON_DEMAND, 0)
            if offered and within and (vcpu_limit is None or used + kind.vcpus <= vcpu_limit):
                yield kind


def _seconds(task: Task, place: tuple[float, int, _Vm]) -> float:
    return task.runtimes[place[2].kind.name]


def _first_start(vm: _Vm, free: float, seconds: float, memory: float) -> float:
    """Return the first moment from ``free`` on, from which there is memory for so many seconds."""
    room = vm.kind.memory * (1 + CLOSE) - memory
    for start in sorted({free, *(end for _, end, _ in vm.busy if end > free)}):
        moments = {start, *(begin for begin, _, _ in vm.busy if start < begin < start + seconds)}
        if all(sum(mb for b, e, mb in vm.busy if b <= moment < e) <= room for moment in moments):
            return start
    return free
