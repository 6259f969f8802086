"""One queue for VMs on which not every task fits, or not as many at once whichever they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.job import Task

__all__ = ["MixedQueue"]


@dataclass
class _Vm:
    """A VM that runs something.

    :param slots: how many more tasks it could run.
    :param memory: MB that are free.
    :param end: seconds since the run's start when it has nothing more to do.
    """

    kind: InstanceType
    slots: int
    memory: float
    end: float

    def takes(self, task: Task) -> bool:
        return self.slots > 0 and self.kind.name in task.runtimes and task.memory <= self.memory


class MixedQueue:
    """On-demand VMs, launched at once; each takes the longest task that waits and for which it has room.

    It is what policy ``on-demand-only`` does, by the estimates.

    :param fleet: number of VMs by type, in the order in which they take tasks at one moment.
    """

    def __init__(self, mission: Mission, fleet: Mapping[str, int]) -> None:
        kinds = [mission.types[name] for name, count in fleet.items() for _ in range(count)]
        self._vms = [_Vm(kind, mission.slots(kind), kind.memory, mission.boot) for kind in kinds]
        self._waiting = list(mission.order)
        self._boot = mission.boot
        self._running: list[tuple[float, int, float]] = []  # end, VM's number, MB

    def cost(self, deadline: float) -> float | None:
        """Return the dollars until each VM has nothing more to do; None where the deadline is missed.

        :param deadline: seconds from the run's start.
        """
        now, changed = self._boot, list(range(len(self._vms)))
        while changed:
            for number in changed:
                self._fill(number, now)
            if not self._running:
                break
            now = self._running[0][0]
            if now > deadline:
                return None
            changed = self._end(now)
        if self._waiting:
            return None
        return sum(vm.end * vm.kind.price(Market.ON_DEMAND) for vm in self._vms) / 3600

    def _fill(self, number: int, now: float) -> None:
        vm, left = self._vms[number], []
        for position, task in enumerate(self._waiting):
            if not vm.slots:
                left += self._waiting[position:]
                break
            if not vm.takes(task):
                left.append(task)
                continue
            vm.slots, vm.memory = vm.slots - 1, vm.memory - task.memory
            heappush(self._running, (now + task.runtimes[vm.kind.name], number, task.memory))
        self._waiting = left

    def _end(self, now: float) -> list[int]:
        """Let end what ends now; return the VMs that have room again."""
        changed: dict[int, None] = {}
        while self._running and self._running[0][0] <= now:
            _, number, memory = heappop(self._running)
            vm = self._vms[number]
            vm.slots, vm.memory, vm.end = vm.slots + 1, vm.memory + memory, now
            changed[number] = None
        return sorted(changed)
