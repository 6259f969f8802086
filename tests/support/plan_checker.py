"""Is this a plan? Written from the rules alone; it shares no code with the planners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from airflow_provider_hads.model import Market, Plan, PlannedVm, Task
from airflow_provider_hads.planning import PlanRequest

CLOSE = 1e-6


def plan_problems(plan: Plan, request: PlanRequest) -> list[str]:
    """Return all that is wrong with a plan; empty for a good one."""
    planned = [place.task_id for vm in plan.vms for place in vm.placements]
    foreign = [task_id for task_id in planned if task_id not in request.job.tasks]
    if foreign:
        return [f"task {task_id} is not in the job" for task_id in foreign]
    return [
        *_coverage(plan, request),
        *_limits(plan, request),
        *_totals(plan),
        *(problem for vm in plan.vms for problem in _vm(vm, plan, request)),
    ]


def _coverage(plan: Plan, request: PlanRequest) -> Iterator[str]:
    planned = Counter(place.task_id for vm in plan.vms for place in vm.placements)
    for task_id in request.job.tasks:
        if planned[task_id] != 1:
            yield f"task {task_id} is planned {planned[task_id]} times"
    yield from (
        f"task {task_id} is not in the job" for task_id in planned if task_id not in request.job.tasks
    )
    ids = [vm.id for vm in plan.vms]
    if len(set(ids)) != len(ids):
        yield f"a VM id occurs twice: {ids}"


def _limits(plan: Plan, request: PlanRequest) -> Iterator[str]:
    environment = request.environment
    for (type_name, market), count in Counter((vm.instance_type, vm.market) for vm in plan.vms).items():
        kind = environment.instance_types[type_name]
        if market not in kind.prices or count > kind.limits.get(market, 0):
            yield f"{count} {market} VMs of {type_name}"
    for market, count in Counter(vm.market for vm in plan.vms).items():
        if count > environment.global_limits.get(market, 0):
            yield f"{count} {market} VMs over all types"
    vcpus = sum(environment.instance_types[vm.instance_type].vcpus for vm in plan.vms)
    if request.vcpu_limit is not None and vcpus > request.vcpu_limit:
        yield f"{vcpus} vCPUs"


def _totals(plan: Plan) -> Iterator[str]:
    last_ends = [max(place.end for place in vm.placements) for vm in plan.vms]
    cost = sum(end / 3600 * vm.price for end, vm in zip(last_ends, plan.vms, strict=True))
    if abs(cost - plan.cost) > CLOSE:
        yield f"costs {cost}, says {plan.cost}"
    if abs(max(last_ends, default=0.0) - plan.makespan) > CLOSE:
        yield f"says it ends at {plan.makespan}"


def _vm(vm: PlannedVm, plan: Plan, request: PlanRequest) -> Iterator[str]:
    yield from _burstable(vm, plan, request)
    yield from _times(vm, plan, request)
    yield from _cores(vm, request)
    yield from _memory(vm, request)


def _burstable(vm: PlannedVm, plan: Plan, request: PlanRequest) -> Iterator[str]:
    """Only ``ils`` plans on burstable VMs, on demand and in baseline mode; no other VM is slowed down."""
    terms = request.environment.instance_types[vm.instance_type].burstable
    if terms is None and vm.cpu_share is not None:
        yield f"{vm.id} has a CPU share, but {vm.instance_type} has no baseline"
    if terms is not None and plan.planner != "ils":
        yield f"{vm.instance_type} is burstable"
    if terms is not None and (vm.cpu_share != terms.baseline or vm.market is not Market.ON_DEMAND):
        yield f"{vm.id} is burstable, and has a CPU share of {vm.cpu_share} on the {vm.market} market"


def _times(vm: PlannedVm, plan: Plan, request: PlanRequest) -> Iterator[str]:
    if vm.price != request.environment.instance_types[vm.instance_type].prices[vm.market]:
        yield f"{vm.id} has the price {vm.price}"
    latest = request.deadline - request.lead_time
    if vm.market is Market.SPOT:
        assert plan.d_spot is not None
        latest = min(latest, plan.d_spot)
    for place in vm.placements:
        runtime = request.job.tasks[place.task_id].runtimes[vm.instance_type] / (vm.cpu_share or 1)
        if abs(place.end - place.start - runtime) > CLOSE:
            yield f"task {place.task_id} takes {runtime}, planned {place}"
        if place.start < 0 or place.end > latest:
            yield f"{vm.id}: {place} is not within 0 and {latest}"


def _cores(vm: PlannedVm, request: PlanRequest) -> Iterator[str]:
    cores = request.environment.instance_types[vm.instance_type].vcpus if request.parallel else 1
    for core in {place.core for place in vm.placements}:
        if not 0 <= core < cores:
            yield f"{vm.id} has no core {core}"
        spans = sorted((place.start, place.end) for place in vm.placements if place.core == core)
        for (_, end), (start, _) in pairwise(spans):
            if start < end:
                yield f"{vm.id}, core {core}: two tasks at {start}"


def _memory(vm: PlannedVm, request: PlanRequest) -> Iterator[str]:
    room = request.environment.instance_types[vm.instance_type].memory
    for moment in {place.start for place in vm.placements}:
        used = sum(
            request.job.tasks[place.task_id].memory
            for place in vm.placements
            if place.start <= moment < place.end
        )
        if used > room * (1 + CLOSE):
            yield f"{vm.id} uses {used} MB of {room} at {moment}"


def recovery_problems(plan: Plan, request: PlanRequest) -> list[str]:
    """Return moments from which, certainly, the loss of all spot VMs could not be made good.

    For each end of a spot task: every task lost right before must fit, alone, into what is left of the time;
    and the work of all of them must fit on the cores that the limits leave.
    """
    lost = [place for vm in plan.vms if vm.market is Market.SPOT for place in vm.placements]
    problems = []
    for moment in sorted({place.end for place in lost}):
        window = request.deadline - request.lead_time - moment - request.reaction - request.boot
        tasks = [request.job.tasks[place.task_id] for place in lost if place.end >= moment]
        shortest = [_shortest_re_run(task.runtimes, task.memory, request) for task in tasks]
        if max(shortest) > window + CLOSE or sum(shortest) > window * _on_demand_cores(request) + CLOSE:
            problems.append(f"a loss at {moment} leaves {window} s for {shortest}")
        elif _needed_vms(tasks, window, request) > _on_demand_vms(request):
            problems.append(f"a loss at {moment} leaves too few VMs for the memory of {len(tasks)} tasks")
    return problems


def _shortest_re_run(runtimes: object, memory: float, request: PlanRequest) -> float:
    assert isinstance(runtimes, dict)
    kinds = request.environment.instance_types.values()
    return min(
        (
            runtimes[kind.name]
            for kind in kinds
            if kind.limits.get(Market.ON_DEMAND, 0) and not kind.burstable and kind.memory >= memory
        ),
        default=float("inf"),
    )


def _on_demand_cores(request: PlanRequest) -> int:
    kinds = request.environment.instance_types.values()
    return sum(kind.limits.get(Market.ON_DEMAND, 0) * kind.vcpus for kind in kinds)


def _needed_vms(tasks: list[Task], window: float, request: PlanRequest) -> float:
    """Return how many VMs of the roomiest type the lost tasks keep busy, at least, by memory and time."""
    room = max((kind.memory for kind in request.environment.instance_types.values()), default=0.0)
    filled = sum(task.memory * _shortest_re_run(task.runtimes, task.memory, request) for task in tasks)
    return filled / max(room * window, 1e-9) - CLOSE


def _on_demand_vms(request: PlanRequest) -> int:
    kinds = request.environment.instance_types.values()
    own = sum(kind.limits.get(Market.ON_DEMAND, 0) for kind in kinds if not kind.burstable)
    return min(own, request.environment.global_limits.get(Market.ON_DEMAND, 0))
