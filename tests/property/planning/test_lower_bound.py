"""The lower bound against all plans that there are, for jobs so small that all can be looked at."""

from __future__ import annotations

import math
from functools import cache
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hads.model import Environment, Job, Task
from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.lower_bound import lower_bound
from airflow_provider_hads.planning.packing.instance import compile_instance
from airflow_provider_hads.planning.packing.schedule import end_of
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from tests.support.planning_examples import environment, instance_type


@st.composite
def environments(draw: st.DrawFn) -> Environment:
    """Two types with one or two VMs each, on spot only or in both markets."""
    kinds = [
        instance_type(
            name,
            vcpus=draw(st.sampled_from([1, 2, 4])),
            memory=draw(st.sampled_from([1000.0, 4000.0])),
            spot=draw(st.floats(0.01, 0.1)),
            on_demand=draw(st.floats(0.05, 0.3)),
            limit=(draw(st.sampled_from([1, 2])), draw(st.sampled_from([0, 1]))),
        )
        for name in ("a", "b")
    ]
    return environment(*kinds, spot=draw(st.sampled_from([1, 2, 4])), on_demand=1)


@st.composite
def requests(draw: st.DrawFn) -> PlanRequest:
    """Up to five tasks, some of which need much of a VM's memory or of the time."""
    length = st.sampled_from([40.0, 101.0, 160.0, 190.0, 250.0])
    memory = st.sampled_from([10.0, 300.0, 520.0, 700.0, 960.0])
    factor = st.sampled_from([0.8, 1.0, 1.3])
    tasks = {}
    for index in range(draw(st.integers(1, 5))):
        seconds = draw(length)
        runtimes = {"a": seconds * draw(factor), "b": seconds * draw(factor)}
        tasks[str(index)] = Task(str(index), "x", draw(memory), runtimes)
    deadline = draw(st.sampled_from([330.0, 450.0, 700.0]))
    return PlanRequest(Job("7", "tiny", tasks), draw(environments()), deadline)


@st.composite
def scarce_requests(draw: st.DrawFn) -> PlanRequest:
    """Up to five tasks, of three types with one or two VMs altogether, and a dearer one."""
    kinds = [
        instance_type(
            name, vcpus=draw(st.sampled_from([1, 2])), spot=draw(st.floats(0.01, 0.03)), limit=(1, 0)
        )
        for name in ("a", "b", "c")
    ]
    reserve = instance_type("d", vcpus=2, spot=0.05, on_demand=draw(st.floats(0.05, 0.3)), limit=(0, 1))
    factor = st.sampled_from([0.5, 1.0, 2.0])
    tasks = {}
    for index in range(draw(st.integers(2, 5))):
        seconds = draw(st.sampled_from([40.0, 101.0, 160.0]))
        runtimes = {kind: seconds * draw(factor) for kind in ("a", "b", "c")} | {"d": seconds}
        tasks[str(index)] = Task(str(index), "x", 10.0, runtimes)
    limited = environment(*kinds, reserve, spot=draw(st.sampled_from([1, 2])), on_demand=1)
    return PlanRequest(Job("7", "tiny", tasks), limited, draw(st.sampled_from([450.0, 700.0])))


def least_cost(request: PlanRequest) -> float:
    """Return the cost of the cheapest of all plans that start tasks in some order as soon as they fit."""
    instance = compile_instance(request, published_spot_deadline(request))
    kinds = instance.choices

    @cache
    def cost(choice: int, tasks: tuple[int, ...]) -> float:
        kind, times = kinds[choice], instance.times[choice]
        if any(times[task] == math.inf for task in tasks):
            return math.inf
        orders = permutations(tasks)
        end = min(end_of(order, times, instance.memory, kind.slots, kind.type.memory) for order in orders)
        return kind.rate * end if end <= kind.latest + 1e-9 else math.inf

    vms = [number for number, kind in enumerate(kinds) for _ in range(kind.limit)]
    best = math.inf
    for hosts in product(range(len(vms)), repeat=len(instance.tasks)):
        used = [kinds[vms[vm]].market for vm in set(hosts)]
        if all(used.count(market) <= limit for market, limit in instance.market_limits.items()):
            groups = (tuple(task for task, host in enumerate(hosts) if host == vm) for vm in set(hosts))
            best = min(best, sum(cost(vms[vm], group) for vm, group in zip(set(hosts), groups, strict=True)))
    return best


@settings(max_examples=60, deadline=None)
@given(request=requests())
def test_no_plan_at_all_costs_less_than_the_bound(request: PlanRequest) -> None:
    assert lower_bound(request) <= least_cost(request) * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(request=scarce_requests())
def test_no_plan_on_few_of_many_types_costs_less_than_the_bound(request: PlanRequest) -> None:
    assert lower_bound(request) <= least_cost(request) * (1 + 1e-9)
