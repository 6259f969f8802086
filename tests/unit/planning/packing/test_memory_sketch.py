"""First fleets where memory may bind: by sums alone, but within the limits, and with every task once."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.packing.instance import Instance, compile_instance
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.memory_sketch import sketched_fleet
from airflow_provider_hads.planning.stopping import never
from tests.support.planning_examples import environment, instance_type, job
from tests.support.random_jobs import random_request


def sketch(instance: Instance, seed: int = 0, steps: int = 3000) -> MemoryFleet | None:
    return sketched_fleet(instance, Random(seed), steps, never)


def instance_of(request: PlanRequest) -> Instance:
    return compile_instance(request, request.deadline)


@pytest.mark.parametrize(("types", "seed"), [(4, 0), (4, 1), (10, 2), (10, 3)])
def test_every_task_runs_once_in_time_and_within_the_limits(types: int, seed: int) -> None:
    instance = instance_of(random_request("memory", 60, types, seed))
    fleet = sketch(instance)
    assert fleet is not None
    assert sorted(task for order in fleet.orders for task in order) == list(range(60))
    assert fleet.in_time()
    markets = Counter(instance.choices[choice].market for choice in fleet.choice)
    assert all(count <= instance.market_limits[market] for market, count in markets.items())
    vms = Counter(fleet.choice)
    assert all(count <= instance.choices[choice].limit for choice, count in vms.items())


def test_the_same_seed_gives_the_same_fleet() -> None:
    instance = instance_of(random_request("memory", 40, 6, seed=4))
    first, again = sketch(instance, seed=1), sketch(instance, seed=1)
    assert first is not None
    assert again is not None
    assert (first.choice, first.orders) == (again.choice, again.orders)


def test_more_steps_give_a_cheaper_fleet() -> None:
    instance = instance_of(random_request("memory", 80, 6, seed=1))
    costs = []
    for steps in (0, 20_000):
        fleets = [sketch(instance, seed, steps) for seed in range(4)]
        costs.append(min(fleet.cost() for fleet in fleets if fleet is not None))
    assert costs[1] < costs[0]


def test_two_tasks_that_need_the_whole_memory_take_turns_on_one_vm() -> None:
    request = PlanRequest(
        job([600, 600], memory=3500), environment(instance_type(memory=4000)), deadline=3600
    )
    fleet = sketch(instance_of(request))
    assert fleet is not None
    assert (len(fleet.choice), fleet.end) == (1, [1200])


def test_there_is_none_where_the_limits_leave_no_room() -> None:
    only = instance_type(memory=4000, limit=(1, 0))
    request = PlanRequest(job([600] * 4, memory=3500), environment(only), deadline=1500)
    assert sketch(instance_of(request)) is None
