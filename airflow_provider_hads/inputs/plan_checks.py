"""Whether a given plan places every task of its job once, on what the environment offers.

That the VMs have the cores is checked with the map, which may name some without tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from airflow_provider_hads.inputs.document import listed, shown
from airflow_provider_hads.inputs.environment_file import words_of
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Placement, Plan, PlannedVm

__all__ = ["lateness", "plan_notes", "plan_problems", "runs_in_parallel"]

_ROUNDING = 1e-6

Problem = tuple[str, str]
"""Dotted path of a field, and what is wrong with it."""


def plan_problems(plan: Plan, job: Job, environment: Environment) -> Iterator[Problem]:
    """Yield what forbids to run the plan; runtimes and prices are not compared."""
    for vm in plan.vms:
        yield from _vm_problems(vm, job, environment)
    yield from _coverage_problems(plan, job)


def _coverage_problems(plan: Plan, job: Job) -> Iterator[Problem]:
    placed = Counter(placement.task_id for vm in plan.vms for placement in vm.placements)
    for task_id, times in placed.items():
        if times > 1:
            yield "instances", f"task '{task_id}' is placed {times} times; leave it on one core of one VM"
    missing = [task_id for task_id in job.tasks if task_id not in placed]
    if missing:
        names = listed(f"'{task_id}'" for task_id in missing)
        yield "instances", f"{len(missing)} of the job's tasks are on no VM: {names}; place them"


def _vm_problems(vm: PlannedVm, job: Job, environment: Environment) -> Iterator[Problem]:
    field = f"instances.{vm.id}"
    for placement in vm.placements:
        if placement.task_id not in job.tasks:
            yield _place(vm, placement), f"'{placement.task_id}' is no task of the job; remove it"
    yield from _time_problems(vm)
    instance_type = environment.instance_types.get(vm.instance_type)
    if instance_type is None:
        known = listed(environment.instance_types)
        yield f"{field}.type", f"{shown(vm.instance_type)} is no type of the environment; it has {known}"
        return
    if not instance_type.offers(vm.market):
        problem = f"{words_of(vm.market)} is not offered for {instance_type.name} by env.json"
        yield f"{field}.market", f"{problem}; choose another market or type"
    yield from _fit_problems(vm, instance_type, job)


def _place(vm: PlannedVm, placement: Placement) -> str:
    return f"instances.{vm.id}.map.vcpu_{placement.core}.{placement.task_id}"


def _time_problems(vm: PlannedVm) -> Iterator[Problem]:
    before: dict[int, Placement] = {}
    for placement in sorted(vm.placements, key=lambda one: (one.core, one.start, one.end)):
        if placement.end < placement.start:
            times = f"{placement.end:g} is before its start {placement.start:g}"
            yield f"{_place(vm, placement)}.end", f"{times}; give seconds after the VM is ready"
        earlier = before.get(placement.core)
        if earlier is not None and placement.start < earlier.end:
            overlap = (
                f"it starts at {placement.start:g}, but task '{earlier.task_id}' ends at {earlier.end:g}"
            )
            yield _place(vm, placement), f"{overlap} on the same core; move one of them"
        before[placement.core] = placement


def _fit_problems(vm: PlannedVm, instance_type: InstanceType, job: Job) -> Iterator[Problem]:
    name = instance_type.name
    for placement in vm.placements:
        task = job.tasks.get(placement.task_id)
        if task is not None and name not in task.runtimes:
            yield _place(vm, placement), f"the task has no runtime on {name} in job.json; add one or move it"
        elif task is not None and _takes_no_time(placement, task.runtimes[name]):
            seconds = f"the task starts and ends at {placement.start:g}, but takes {task.runtimes[name]:g} s"
            yield _place(vm, placement), f"{seconds} on {name} by job.json; give an end after the start"
    peak, moment = _memory_peak(vm, job)
    if peak > instance_type.memory + _ROUNDING:
        needs = f"the tasks that run at {moment:g} s need {peak:g} MB"
        yield f"instances.{vm.id}.map", f"{needs}, but {name} has {instance_type.memory:g} MB; move some"


def _takes_no_time(placement: Placement, runtime: float) -> bool:
    """Say whether a task is placed without length; one that is short by far may have none in floats."""
    return placement.start == placement.end < placement.start + runtime


def _memory_peak(vm: PlannedVm, job: Job) -> tuple[float, float]:
    """Return the most memory in use at once, MB, and since when, seconds."""
    changes: list[tuple[float, int, float]] = []
    for placement in vm.placements:
        task = job.tasks.get(placement.task_id)
        if task is not None and placement.end > placement.start:
            changes.append((placement.start, 1, task.memory))
            changes.append((placement.end, 0, -task.memory))
    used = peak = since = 0.0
    for moment, _, change in sorted(changes):
        used += change
        if used > peak + _ROUNDING:
            peak, since = used, moment
    return peak, since


def plan_notes(
    plan: Plan, environment: Environment, vcpu_limit: int | None = None, boot: float = 0.0
) -> list[str]:
    """Return what is odd about a given plan, but does not forbid it.

    :param boot: seconds from the run's start until the VMs are ready.
    :param vcpu_limit: most vCPUs of all VMs together; None is no limit.
    """
    notes = [f"VM {vm.id} of the map has no tasks" for vm in plan.vms if not vm.placements]
    notes.extend(lateness(plan, boot))
    counts = Counter((vm.instance_type, vm.market) for vm in plan.vms)
    for (name, market), count in counts.items():
        limit = environment.instance_types[name].limit(market)
        if count > limit:
            notes.append(f"the plan has {count} {market} VMs of {name}; env.json's limit is {limit}")
    notes.extend(_global_limit_notes(counts, environment))
    vcpus = sum(environment.instance_types[vm.instance_type].vcpus for vm in plan.vms)
    if vcpu_limit is not None and vcpus > vcpu_limit:
        notes.append(f"the plan has VMs of {vcpus} vCPUs; setup.cfg's vcpu_limits is {vcpu_limit}")
    return notes


def lateness(plan: Plan, boot: float) -> Iterator[str]:
    """Yield a line where a plan can't be followed by its deadline.

    :param boot: seconds from the run's start until the VMs are ready.
    """
    if boot + plan.makespan > plan.deadline + _ROUNDING:
        with_boot = f", with a boot of {boot:g} s," if boot else ""
        end = f"{boot + plan.makespan:g} s"
        yield f"the plan ends at {end}{with_boot} after the deadline of {plan.deadline:g} s"


def _global_limit_notes(counts: Counter[tuple[str, Market]], environment: Environment) -> Iterator[str]:
    for market in Market:
        count = sum(number for (_, one), number in counts.items() if one is market)
        limit = environment.global_limit(market)
        if count > limit:
            yield f"the plan has {count} {market} VMs; env.json's limit over all types is {limit}"


def runs_in_parallel(vm: PlannedVm) -> bool:
    """Say whether two of the VM's tasks run at the same time by plan."""
    ordered = sorted(vm.placements, key=lambda placement: (placement.start, placement.end))
    latest_end = 0.0
    for placement in ordered:
        if placement.start < latest_end:
            return True
        latest_end = max(latest_end, placement.end)
    return False
