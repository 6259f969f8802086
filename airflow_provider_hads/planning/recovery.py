"""Whether the loss of all spot VMs could be made good, at every moment of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from airflow_provider_hads.model import Market, Placement, Plan, Task
from airflow_provider_hads.planning.draft import DraftVm, FleetDraft, full_speed_types
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.timeline import Slot

__all__ = ["first_unsafe_moment"]


def first_unsafe_moment(request: PlanRequest, plan: Plan) -> float | None:
    """Return the first moment (seconds) at which the loss of all spot VMs might not be made good, or None.

    A moment t is safe if the spot tasks that have not ended by then, their progress lost, are known to fit on
    on-demand VMs between t + reaction + boot and the deadline: on new VMs within what the plan leaves of the
    limits, and on the plan's own on-demand VMs behind their tasks. Burstable types don't count; the lost
    VMs no longer do. What is lost shrinks only where a task ends, so the moments right before that are the
    worst and the only ones looked at. Whether tasks fit is tried by one heuristic (longest first, earliest
    end), so a moment may be called unsafe that a better packing would save; one that is called safe is.
    """
    lost = sorted(
        (place for vm in plan.vms if vm.market is Market.SPOT for place in vm.placements),
        key=lambda place: place.end,
    )
    reserve = request.reaction + request.boot
    re_run: list[float] = []  # re_run[k]: seconds it takes to make good lost[k:], by the last packing
    for index, place in enumerate(lost):
        if index and place.end == lost[index - 1].end:
            continue
        window = request.deadline - place.end - reserve
        if not re_run or re_run[index] > window:
            re_run = [0.0] * index + _re_run_times(request, plan, lost[index:], place.end + reserve)
        if re_run[index] > window:
            return place.end
    return None


def _re_run_times(request: PlanRequest, plan: Plan, lost: Sequence[Placement], origin: float) -> list[float]:
    """Return, for each suffix of the lost tasks, the seconds from the origin to the end of its re-run.

    A packing stays valid when tasks drop out of it, and when all of it begins later.
    """
    tasks = [request.job.tasks[place.task_id] for place in lost]
    ends = _pack(tasks, _recovery_fleet(request, plan, tasks, origin))
    latest_first = accumulate((ends[task.id] for task in reversed(tasks)), max)
    return list(latest_first)[::-1]


def _recovery_fleet(request: PlanRequest, plan: Plan, tasks: list[Task], origin: float) -> list[DraftVm]:
    """Return the plan's on-demand VMs, busy until their tasks end, and all new ones within the limits."""
    types = request.environment.instance_types
    fleet = FleetDraft(request)
    for vm in plan.vms:
        if vm.market is Market.ON_DEMAND:
            _keep_busy(fleet.open(types[vm.instance_type], vm.market), vm.placements, origin)
    strongest_first = full_speed_types(types.values(), Market.ON_DEMAND)
    strength = {
        kind.name: _throughput(request.slots(kind.vcpus), kind.memory, kind.name, tasks)
        for kind in strongest_first
    }
    strongest_first.sort(key=lambda kind: strength[kind.name], reverse=True)
    for kind in strongest_first:
        opened = 0
        while opened < len(tasks) and fleet.allows(kind, Market.ON_DEMAND):
            fleet.open(kind, Market.ON_DEMAND)
            opened += 1
    return fleet.vms


def _throughput(slots: int, memory: float, type_name: str, tasks: list[Task]) -> float:
    """Return about how many of the tasks a VM ends a second, by its slots and its memory."""
    runnable = [task for task in tasks if type_name in task.runtimes and task.memory <= memory]
    seconds = sum(task.runtime(type_name) for task in runnable)
    mean_memory = sum(task.memory for task in runnable) / max(len(runnable), 1)
    at_once = min(slots, memory / mean_memory) if mean_memory else slots
    return at_once * len(runnable) / seconds * len(runnable) if seconds else 0.0


def _keep_busy(vm: DraftVm, placements: Sequence[Placement], origin: float) -> None:
    """Block each core, with the memory of its tasks, until the VM's last task ends."""
    end = max((place.end for place in placements), default=0.0) - origin
    if end > 0:
        for core in range(vm.timeline.cores):
            vm.timeline.insert(Slot(core, 0.0, end), 0.0)


def _pack(tasks: list[Task], fleet: list[DraftVm]) -> dict[str, float]:
    """Return when each task ends, longest first, each where it ends first; infinite where none can run it."""
    ends = dict.fromkeys((task.id for task in tasks), float("inf"))
    for task in sorted(tasks, key=lambda task: max(task.runtimes.values()), reverse=True):
        choices = [(slot.end, index, slot) for index, vm in enumerate(fleet) if (slot := vm.earliest(task))]
        if choices:
            ends[task.id], index, slot = min(choices)
            fleet[index].insert(task, slot)
    return ends
