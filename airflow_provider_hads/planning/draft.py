"""A fleet in the making: VMs that are opened within the limits and filled with tasks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from airflow_provider_hads.model import InstanceType, Market, Placement, Plan, PlannedVm, Task
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.timeline import Slot, Timeline

__all__ = ["DraftVm", "FleetDraft", "can_run", "full_speed_types"]


def full_speed_types(types: Iterable[InstanceType], market: Market) -> list[InstanceType]:
    """Return the non-burstable types that are offered in a market, in the given order."""
    return [kind for kind in types if kind.offers(market) and kind.burstable is None]


def can_run(instance_type: InstanceType, task: Task) -> bool:
    """Say whether a type has the memory for a task, and an estimate of its runtime."""
    return instance_type.name in task.runtimes and task.memory <= instance_type.memory


class DraftVm:
    """One opened VM.

    :param vm_id: its id in the plan.
    :param slots: tasks at once.
    :param cpu_share: the share of a vCPU that each task gets (baseline mode); None is the whole vCPU.
    """

    __slots__ = ("cpu_share", "id", "instance_type", "market", "placements", "price", "timeline")

    def __init__(
        self,
        vm_id: str,
        instance_type: InstanceType,
        market: Market,
        slots: int,
        cpu_share: float | None = None,
    ) -> None:
        self.id = vm_id
        self.cpu_share = cpu_share
        self.instance_type = instance_type
        self.market = market
        self.price = instance_type.price(market)
        self.timeline = Timeline(slots, instance_type.memory)
        self.placements: list[Placement] = []

    def earliest(self, task: Task, latest_end: float = math.inf) -> Slot | None:
        """Return where the task would end first; None if this VM can't run it, or not by the latest end."""
        runtime = task.runtimes.get(self.instance_type.name)
        if runtime is None:
            return None
        return self.timeline.earliest(runtime / (self.cpu_share or 1), task.memory, latest_end)

    def insert(self, task: Task, slot: Slot) -> None:
        """Put a task into a slot that :meth:`earliest` has returned."""
        self.timeline.insert(slot, task.memory)
        self.placements.append(Placement(task.id, slot.core, slot.start, slot.end))

    def planned(self) -> PlannedVm:
        """Return the VM as the plan holds it."""
        places = tuple(self.placements)
        return PlannedVm(self.id, self.instance_type.name, self.market, self.price, places, self.cpu_share)


class FleetDraft:
    """The VMs of a plan in the making; VMs count per type and market, per market, and by vCPUs.

    :param request: whose limits hold.
    """

    def __init__(self, request: PlanRequest) -> None:
        self.vms: list[DraftVm] = []
        self._request = request
        self._by_type: Counter[tuple[str, Market]] = Counter()
        self._by_market: Counter[Market] = Counter()
        self._vcpus = 0

    def allows(self, instance_type: InstanceType, market: Market) -> bool:
        """Say whether one more VM of that type and market is within the limits."""
        vcpu_limit = self._request.vcpu_limit
        return (
            self._by_type[instance_type.name, market] < instance_type.limit(market)
            and self._by_market[market] < self._request.environment.global_limit(market)
            and (vcpu_limit is None or self._vcpus + instance_type.vcpus <= vcpu_limit)
        )

    def open(self, instance_type: InstanceType, market: Market, cpu_share: float | None = None) -> DraftVm:
        """Add an empty VM; its id is ``vm-`` and the number of VMs before it."""
        slots = self._request.slots(instance_type.vcpus)
        vm = DraftVm(f"vm-{len(self.vms)}", instance_type, market, slots, cpu_share)
        self.vms.append(vm)
        self._by_type[instance_type.name, market] += 1
        self._by_market[market] += 1
        self._vcpus += instance_type.vcpus
        return vm

    def plan(self, planner: str, d_spot: float | None) -> Plan:
        """Return the plan that the draft amounts to.

        :param planner: name of the planner.
        :param d_spot: latest end of spot work that it was made with, seconds; None if that played no part.
        """
        request = self._request
        return Plan(
            job_id=request.job.id,
            job_name=request.job.name,
            planner=planner,
            deadline=request.deadline,
            vms=tuple(vm.planned() for vm in self.vms),
            d_spot=d_spot,
            d_spot_rule=None if d_spot is None else request.spot_deadline.value,
        )
