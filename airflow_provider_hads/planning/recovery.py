"""Whether the loss of all spot VMs could be made good, at every moment of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace
from itertools import accumulate

from airflow_provider_hads.model import InstanceType, Market, Placement, Plan, Task
from airflow_provider_hads.planning.draft import DraftVm, FleetDraft, can_run, full_speed_types
from airflow_provider_hads.planning.request import PlanRequest
from airflow_provider_hads.planning.timeline import Slot

__all__ = ["first_unsafe_moment"]

SPARE = 2
"""Places opened for each task that is lost, so that it can go where it ends first."""


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
        window = request.horizon - place.end - reserve
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
    """Return the plan's on-demand VMs, busy until their tasks end, and all new ones within the limits.

    A burstable VM counts in the limits, but runs nothing more.
    """
    types = request.environment.instance_types
    fleet = FleetDraft(request)
    for vm in plan.vms:
        if vm.market is Market.ON_DEMAND:
            _keep_busy(fleet.open(types[vm.instance_type], vm.market), vm.placements, origin)
    _open_new(fleet, request, tasks)
    return [vm for vm in fleet.vms if vm.instance_type.burstable is None]


def _open_new(fleet: FleetDraft, request: PlanRequest, tasks: list[Task]) -> None:
    """Open a VM for each kind of task, then the strongest types, within the limits."""
    types = full_speed_types(request.environment.instance_types.values(), Market.ON_DEMAND)
    at_once = {kind.name: _at_once(request, kind, tasks) for kind in types}
    types.sort(key=lambda kind: at_once[kind.name] / _mean_runtime(kind, tasks), reverse=True)
    uncovered, places = tasks, 0.0
    for kind in types:
        if any(can_run(kind, task) for task in uncovered) and fleet.allows(kind, Market.ON_DEMAND):
            fleet.open(kind, Market.ON_DEMAND)
            uncovered = [task for task in uncovered if not can_run(kind, task)]
    for kind in types:
        while at_once[kind.name] and places < SPARE * len(tasks) and fleet.allows(kind, Market.ON_DEMAND):
            fleet.open(kind, Market.ON_DEMAND)
            places += at_once[kind.name]


def _at_once(request: PlanRequest, kind: InstanceType, tasks: list[Task]) -> float:
    """Return about how many of the tasks a VM runs at once, by its slots and its memory."""
    sizes = [task.memory for task in tasks if can_run(kind, task)]
    if not sizes:
        return 0.0
    return min(float(request.slots(kind.vcpus)), kind.memory * len(sizes) / max(sum(sizes), 1e-9))


def _mean_runtime(kind: InstanceType, tasks: list[Task]) -> float:
    runtimes = [task.runtime(kind.name) for task in tasks if can_run(kind, task)]
    return max(sum(runtimes), 1e-9) / max(len(runtimes), 1)


def _keep_busy(vm: DraftVm, placements: Sequence[Placement], origin: float) -> None:
    """Block every core until the VM's last task ends."""
    end = max((place.end for place in placements), default=0.0) - origin
    if end > 0:
        for core in range(vm.timeline.cores):
            vm.timeline.insert(Slot(core, 0.0, end), 0.0)


def _pack(tasks: list[Task], fleet: list[DraftVm]) -> dict[str, float]:
    """Return when each task ends, longest first, each where it ends first; infinite where none can run it."""
    ordered = sorted(tasks, key=lambda task: max(task.runtimes.values()), reverse=True)
    largest = sorted((task.memory for task in tasks), reverse=True)
    if all(sum(largest[: vm.timeline.cores]) <= vm.timeline.memory for vm in fleet):
        return _pack_cores(ordered, fleet)
    return _pack_memory(ordered, fleet)


def _pack_memory(tasks: list[Task], fleet: list[DraftVm]) -> dict[str, float]:
    """Return the same where memory may bind; of the VMs of a type that are still empty, the first counts."""
    ends = dict.fromkeys((task.id for task in tasks), float("inf"))
    used = [vm for vm in fleet if vm.timeline.makespan]
    empty: dict[str, list[DraftVm]] = {}
    for vm in reversed(fleet):
        if not vm.timeline.makespan:
            empty.setdefault(vm.instance_type.name, []).append(vm)
    for task in tasks:
        best, found = _first_to_end(task, [*used, *(vms[-1] for vms in empty.values() if vms)])
        if found is None:
            continue
        ends[task.id] = best.end
        if not found.timeline.makespan:
            used.append(empty[found.instance_type.name].pop())
        found.insert(task, best)
    return ends


def _first_to_end(task: Task, vms: list[DraftVm]) -> tuple[Slot, DraftVm | None]:
    best, found = Slot(0, 0.0, float("inf")), None
    for vm in vms:
        slot = vm.earliest(task, best.end)
        if slot is not None and slot.end < best.end:
            best, found = slot, vm
    return best, found


def _pack_cores(tasks: list[Task], fleet: list[DraftVm]) -> dict[str, float]:
    """Return the same where memory can't bind: of each type, the core that is free first counts."""
    free: dict[str, list[float]] = {}
    for vm in fleet:
        free.setdefault(vm.instance_type.name, []).extend(vm.timeline.core_ends)
    for cores in free.values():
        heapify(cores)
    ends = {}
    for task in tasks:
        runtimes = task.runtimes
        choices = [(cores[0] + runtimes[name], name) for name, cores in free.items() if name in runtimes]
        ends[task.id], name = min(choices, default=(float("inf"), ""))
        if name:
            heapreplace(free[name], ends[task.id])
    return ends
