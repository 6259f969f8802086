"""Planner ``ils`` as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

import pytest

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning import Objective, PlanRequest, SpotDeadlineRule, get_planner
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import PUBLISHED, environment, instance_type, job, published_request

BURST = instance_type("burst", vcpus=2, spot=None, on_demand=0.02, burstable=True)
REQUEST = PlanRequest(
    job([100, 90, 80, 70, 60, 50, 40, 30], types=("small", "burst")),
    environment(instance_type(), BURST),
    deadline=900,
    objective=Objective.WEIGHTED,
    max_iteration=30,
)


def plan(request: PlanRequest) -> Plan:
    made = get_planner("ils")(request)
    assert plan_problems(made, request) == []
    return made


def fitness(made: Plan, request: PlanRequest) -> float:
    assert made.d_spot is not None
    return request.alpha * made.cost + (1 - request.alpha) * made.makespan / made.d_spot


def test_without_burstable_vms_it_is_no_worse_than_the_greedy() -> None:
    request = replace(REQUEST, burstable_factor=0)
    made = plan(request)
    assert fitness(made, request) < fitness(get_planner("cc")(request), request)
    assert made.planner == "ils"


def test_the_objective_decides_between_few_and_many_vms() -> None:
    plans = {
        objective: plan(replace(REQUEST, burstable_factor=0, objective=objective)) for objective in Objective
    }
    assert plans[Objective.COST].cost < plans[Objective.MAKESPAN].cost
    assert plans[Objective.MAKESPAN].makespan < plans[Objective.COST].makespan


def test_burstable_vms_run_in_baseline_mode() -> None:
    slow = [vm for vm in plan(REQUEST).vms if vm.instance_type == "burst"]
    assert slow
    assert {vm.cpu_share for vm in slow} == {0.2}


def test_ids_need_not_be_numbers_from_zero() -> None:
    tasks = {f"task-{name}": task for name, task in REQUEST.job.tasks.items()}
    named = {name: replace(task, id=name) for name, task in tasks.items()}
    made = plan(replace(REQUEST, job=replace(REQUEST.job, tasks=named)))
    assert {task_id for vm in made.vms for task_id in vm.task_ids} == set(named)


def test_on_demand_vms_are_opened_where_spot_vms_do_not_do() -> None:
    made = plan(replace(REQUEST, environment=environment(instance_type(), BURST, spot=0)))
    assert {vm.market for vm in made.vms} == {Market.ON_DEMAND}


def test_the_safe_rule_holds_with_burstable_vms_too() -> None:
    request = replace(REQUEST, spot_deadline=SpotDeadlineRule.SAFE, boot=60, reaction=30, burstable_factor=1)
    assert first_unsafe_moment(request, plan(request)) is None


def test_an_infeasible_job_is_refused_as_by_the_greedy() -> None:
    with pytest.raises(InfeasibleJob, match="planner ils can meet") as refusal:
        plan(replace(REQUEST, deadline=40))
    assert refusal.value.smallest_deadline is not None


def test_a_time_limit_ends_the_search_by_the_clock_that_is_given() -> None:
    """The clock is asked once at each step, and so tells how many there were."""
    ticks = count()
    limited = replace(REQUEST, time_limit=500, max_iteration=10**9, clock=lambda: next(ticks))
    assert plan(limited).planner == "ils"
    assert next(ticks) < 600


def test_without_a_clock_there_is_no_time_limit() -> None:
    assert plan(replace(REQUEST, time_limit=1e-9)) == plan(REQUEST)


@pytest.mark.parametrize(("folder", "deadline", "map_file"), [("552", 2700, "map_ipdps.json")])
def test_it_is_fitter_than_the_published_map_at_the_published_prices(
    folder: str, deadline: float, map_file: str
) -> None:
    """The published cost and makespan are those before the burstable allocation."""
    request = replace(published_request(folder, deadline), objective=Objective.WEIGHTED, burstable_factor=0)
    published = json.loads((PUBLISHED / folder / map_file).read_text())
    made = plan(request)
    theirs = request.alpha * published["expected_cost"] + (1 - request.alpha) * published[
        "expected_makespan"
    ] / (made.d_spot or 1)
    assert fitness(made, request) < theirs
