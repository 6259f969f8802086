"""Which limit stands in the way of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from airflow_provider_hads.model import Environment, InstanceType, Market, Task
from airflow_provider_hads.planning.draft import can_run, full_speed_types
from airflow_provider_hads.planning.request import PlanRequest, SpotDeadlineRule

__all__ = ["Binding", "find_binding"]

LISTED = 6
"""Types that a message lists."""

Feasible = Callable[[PlanRequest], bool]


@dataclass(frozen=True)
class Binding:
    """The limit that binds.

    :param limit: its name, a few words that go on behind "the".
    :param reason: for the user, with the limit's value; it goes on behind a colon.
    :param deadline_helps: whether more time could make a plan possible.
    :param remedy: what else would.
    """

    limit: str
    reason: str
    deadline_helps: bool
    remedy: str


def find_binding(request: PlanRequest, markets: Iterable[Market], feasible: Feasible) -> Binding:
    """Say why a request has no plan: first by looking at each task alone, then by lifting limit after limit.

    :param markets: those that the planner buys in.
    :param feasible: says whether the planner finds a plan; it is asked a few times, with lifted limits.
    """
    markets = tuple(markets)
    return _hopeless_task(request, markets) or _count_limit(request, markets, feasible)


def _hopeless_task(request: PlanRequest, markets: tuple[Market, ...]) -> Binding | None:
    """Return why some task has no place on any number of VMs, looked at by itself."""
    types = [kind for market in markets for kind in _usable(request, market)]
    if not types:
        return _no_vm(request, markets)
    tasks = request.job.tasks.values()
    largest = max(tasks, key=lambda task: task.memory)
    if largest.memory > max(kind.memory for kind in types):
        return _too_large(largest, types)
    for task in tasks:
        if not any(can_run(kind, task) for kind in types):
            return _no_type(task, types)
    longest = max(tasks, key=lambda task: _shortest_runtime(task, types))
    shortest = _shortest_runtime(longest, types)
    return _too_long(request, longest, shortest) if shortest > request.horizon else None


def _usable(request: PlanRequest, market: Market) -> list[InstanceType]:
    """Return the types of which the limits allow one VM in that market."""
    environment = request.environment
    if environment.global_limit(market) < 1:
        return []
    return [
        kind
        for kind in full_speed_types(environment.instance_types.values(), market)
        if kind.limit(market) > 0 and (request.vcpu_limit is None or kind.vcpus <= request.vcpu_limit)
    ]


def _shortest_runtime(task: Task, types: list[InstanceType]) -> float:
    return min(task.runtime(kind.name) for kind in types if can_run(kind, task))


def _no_vm(request: PlanRequest, markets: tuple[Market, ...]) -> Binding:
    if request.vcpu_limit is not None and any(
        _usable(replace(request, vcpu_limit=None), market) for market in markets
    ):
        reason = f"no non-burstable type has {request.vcpu_limit} vCPUs or fewer, the limit"
        return Binding("vCPU limit", reason, False, "a higher vCPU limit")
    words = " or ".join(str(market) for market in markets)
    reason = f"the limits allow no {words} VM of a non-burstable type"
    return Binding(f"{words} VM count", reason, False, "a non-burstable type with limits above 0")


def _too_large(task: Task, types: list[InstanceType]) -> Binding:
    roomiest = max(types, key=lambda kind: kind.memory)
    reason = (
        f"task {task.id} needs {task.memory:g} MB of memory, and the largest type allowed "
        f"({roomiest.name}) has {roomiest.memory:g} MB"
    )
    return Binding("memory", reason, False, "a type with more memory")


def _no_type(task: Task, types: list[InstanceType]) -> Binding:
    names = _listed(sorted({kind.name for kind in types}))
    reason = (
        f"task {task.id} has no runtime on a type that is allowed and has its {task.memory:g} MB ({names})"
    )
    return Binding("lack of an estimate", reason, False, "an estimate of its runtime on one of them")


def _too_long(request: PlanRequest, task: Task, shortest: float) -> Binding:
    reason = f"task {task.id} alone takes {shortest:g} s on the fastest type allowed"
    return Binding("longest task", reason, True, "a faster type")


def _count_limit(request: PlanRequest, markets: tuple[Market, ...], feasible: Feasible) -> Binding:
    """Return the limits of which each, lifted alone, makes a plan possible; else the first pair that does."""
    single = [lift for lift in _lifts(request, markets) if feasible(lift.request)]
    if single:
        return _bound_by([lift.name for lift in single], [lift.value for lift in single])
    names = [f"{market} VM count" for market in markets]
    values = [_counts(request.environment, market) for market in markets]
    for market, name, value in zip(markets, names, values, strict=True):
        if feasible(_lift_counts(request, (market,))):
            return _bound_by([name], [value])
    both = " and ".join(names)
    if len(markets) > 1 and feasible(_lift_counts(request, markets)):
        return _bound_by([both], ["; ".join(values)])
    if request.vcpu_limit is not None and feasible(_unlimited(request, markets)):
        return _bound_by([f"{both} and vCPU limit"], ["; ".join([*values, f"{request.vcpu_limit} vCPUs"])])
    reason = "the work does not fit on the types allowed, however many VMs there are"
    capacity = Binding("capacity within the deadline", reason, True, "faster types")
    return _no_way_out(_unlimited(request, markets)) or capacity


def _no_way_out(request: PlanRequest) -> Binding | None:
    """Return which task could not go on if all spot VMs were lost, for which the safe rule has no plan."""
    if request.spot_deadline is not SpotDeadlineRule.SAFE:
        return None
    types = _usable(request, Market.ON_DEMAND)
    for task in request.job.tasks.values():
        if not any(can_run(kind, task) for kind in types):
            offered = _listed([kind.name for kind in types]) or "none"
            reason = (
                f"were all spot VMs lost, task {task.id} could go on on no on-demand VM of a "
                f"non-burstable type ({offered})"
            )
            remedy = "an on-demand type for it, or the rule 'published' for D_spot"
            return Binding("lack of a way out", reason, False, remedy)
    return None


def _bound_by(names: list[str], values: list[str]) -> Binding:
    limit = " or ".join(names)
    return Binding(limit, f"now {' / '.join(values)}", True, "a higher limit")


@dataclass(frozen=True)
class _Lift:
    """One limit lifted: its name, its present value, and the request without it."""

    name: str
    value: str
    request: PlanRequest


def _lifts(request: PlanRequest, markets: tuple[Market, ...]) -> Iterator[_Lift]:
    environment = request.environment
    if request.vcpu_limit is not None:
        yield _Lift("vCPU limit", f"{request.vcpu_limit} vCPUs", replace(request, vcpu_limit=None))
    for market in markets:
        yield _Lift(
            f"{market} VM count per type",
            _per_type(environment, market),
            _lift(request, per_type=(market,)),
        )
        yield _Lift(
            f"{market} VM count over all types",
            f"{environment.global_limit(market)} {market}",
            _lift(request, over_all=(market,)),
        )


def _lift_counts(request: PlanRequest, markets: tuple[Market, ...]) -> PlanRequest:
    return _lift(request, per_type=markets, over_all=markets)


def _unlimited(request: PlanRequest, markets: tuple[Market, ...]) -> PlanRequest:
    return replace(_lift_counts(request, markets), vcpu_limit=None)


def _lift(
    request: PlanRequest, per_type: tuple[Market, ...] = (), over_all: tuple[Market, ...] = ()
) -> PlanRequest:
    """Return the request with as many VMs allowed as there are tasks, which is no limit."""
    plenty = len(request.job.tasks)
    environment = request.environment
    types = {
        name: replace(kind, limits=_raised(kind.limits, per_type, plenty))
        for name, kind in environment.instance_types.items()
    }
    limits = _raised(environment.global_limits, over_all, plenty)
    return replace(request, environment=Environment(types, limits))


def _raised(limits: Mapping[Market, int], markets: tuple[Market, ...], plenty: int) -> dict[Market, int]:
    return {**limits, **{market: max(plenty, limits.get(market, 0)) for market in markets}}


def _counts(environment: Environment, market: Market) -> str:
    return f"{environment.global_limit(market)} {market} over all, {_per_type(environment, market)}"


def _per_type(environment: Environment, market: Market) -> str:
    types = full_speed_types(environment.instance_types.values(), market)
    return _listed([f"{kind.name} {kind.limit(market)}" for kind in types]) or f"no {market} type"


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return ", ".join(words[:LISTED]) + more
