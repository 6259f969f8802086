"""The planner packing: proven optima, its objectives, and what it does with time."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning import Objective, PlanRequest, get_planner
from airflow_provider_hads.planning.lower_bound import lower_bound
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import environment, instance_type, job, published_request
from tests.support.random_jobs import random_request

plan = get_planner("packing")


@pytest.mark.parametrize(
    ("folder", "deadline", "optimum"),
    [("552", 2700, 0.08067), ("551", 2700, 0.08227), ("551", 10800, 0.08227)],
)
def test_the_published_jobs_cost_what_is_proven_to_be_the_least(
    folder: str, deadline: float, optimum: float
) -> None:
    request = published_request(folder, deadline)
    found = plan(request)
    assert plan_problems(found, request) == []
    assert found.cost <= optimum * 1.001
    assert lower_bound(request) <= optimum * 1.0001


@pytest.mark.parametrize(
    ("kind", "tasks", "types", "gap"),
    [
        ("correlated", 80, 6, 0.01),
        ("limits", 200, 10, 0.01),
        ("tight", 200, 10, 0.06),
        ("equal", 200, 6, 1e-6),
    ],
)
def test_random_jobs_cost_little_more_than_the_bound(kind: str, tasks: int, types: int, gap: float) -> None:
    request = random_request(kind, tasks, types, seed=0)
    found = plan(request)
    assert plan_problems(found, request) == []
    assert 0 <= found.cost / lower_bound(request) - 1 + 1e-9 <= gap + 1e-9


def test_which_vms_there_are_where_memory_and_limits_bind_is_no_lottery() -> None:
    """With VMs of the wrong types this job costs two thirds more than the bound."""
    request = random_request("memory", 200, 6, seed=3)
    found = plan(request)
    assert plan_problems(found, request) == []
    assert found.cost <= lower_bound(request) * 1.12


@pytest.mark.parametrize(("kind", "seed"), [("memory", 14), ("lognormal", 0)])
def test_it_is_never_dearer_than_on_demand_vms_alone(kind: str, seed: int) -> None:
    """With spot VMs that are hardly dearer, the search among both finds no plan as cheap as the other."""
    request = random_request(kind, 12, 4, seed)
    types = {
        name: replace(one, prices={**one.prices, Market.SPOT: one.price(Market.ON_DEMAND) * 1.02})
        for name, one in request.environment.instance_types.items()
    }
    request = replace(request, environment=replace(request.environment, instance_types=types))
    found = plan(request)
    assert found.cost <= get_planner("on-demand")(request).cost
    assert plan_problems(found, request) == []


def test_whole_rounds_are_filled() -> None:
    """Twelve tasks: three rounds on the four cores of one VM, not two on one and a bit of another."""
    types = [instance_type(), instance_type("large", vcpus=4, spot=0.05)]
    request = PlanRequest(job([600] * 12, types=("small", "large")), environment(*types), deadline=3600)
    found = plan(request)
    assert [(vm.instance_type, vm.market, vm.end) for vm in found.vms] == [("large", Market.SPOT, 1800)]


def test_one_task_at_a_time_on_each_vm() -> None:
    request = PlanRequest(job([600] * 4), environment(), deadline=3600, parallel=False)
    found = plan(request)
    assert plan_problems(found, request) == []
    assert found.cost == pytest.approx(4 * 600 * 0.03 / 3600)


def test_the_shortest_plan_is_dearer_and_the_weighted_one_in_between() -> None:
    request = random_request("lognormal", 40, 4, seed=1)
    by_objective = {one: plan(replace(request, objective=one)) for one in Objective}
    assert by_objective[Objective.MAKESPAN].makespan < by_objective[Objective.COST].makespan
    assert by_objective[Objective.COST].cost <= by_objective[Objective.MAKESPAN].cost
    assert by_objective[Objective.COST].cost <= by_objective[Objective.WEIGHTED].cost + 1e-9
    assert all(plan_problems(found, request) == [] for found in by_objective.values())


def test_a_time_limit_ends_the_search_by_the_clock_that_is_given() -> None:
    request = random_request("lognormal", 40, 4, seed=1)
    ticks = count()
    limited = replace(request, time_limit=5, clock=lambda: next(ticks))
    assert plan_problems(plan(limited), request) == []
    assert plan(limited).cost >= plan(request).cost - 1e-9
