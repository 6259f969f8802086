"""D_spot by the published rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.model import Environment, Job, Task
from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from tests.support.planning_examples import environment, instance_type, job, published_request


def test_the_time_of_the_shortest_tasks_is_kept_back() -> None:
    """Six tasks, two on-demand VMs: the three shortest on one VM of two cores take 10 + 30 s."""
    request = PlanRequest(job([100, 20, 90, 10, 80, 30]), environment(on_demand=2), deadline=1000)
    assert published_spot_deadline(request) == 1000 - 40


def test_one_task_at_a_time_they_take_longer() -> None:
    request = PlanRequest(
        job([100, 20, 90, 10, 80, 30]), environment(on_demand=2), deadline=1000, parallel=False
    )
    assert published_spot_deadline(request) == 1000 - 60


def test_it_is_measured_on_the_cheapest_type_burstable_or_not() -> None:
    types = [instance_type(), instance_type("burst", on_demand=0.01, spot=None, burstable=True)]
    tasks = {"0": Task("0", "x", 100, {"small": 50, "burst": 70})}
    request = PlanRequest(Job("7", "", tasks), environment(*types), deadline=1000)
    assert published_spot_deadline(request) == 1000 - 70


def test_it_is_never_negative() -> None:
    assert published_spot_deadline(PlanRequest(job([100]), environment(), deadline=60)) == 0


def test_a_type_that_can_not_run_all_tasks_is_passed_over() -> None:
    types = [instance_type("cheap", on_demand=0.01, memory=50), instance_type()]
    tasks = job([100], memory=60, types=("cheap", "small"))
    assert published_spot_deadline(PlanRequest(tasks, environment(*types), deadline=1000)) == 900


def test_if_no_type_can_run_all_tasks_the_one_that_runs_most_counts() -> None:
    types = [instance_type("a", on_demand=0.01), instance_type("b")]
    tasks = {
        "0": Task("0", "x", 1, {"a": 10}),
        "1": Task("1", "x", 1, {"b": 30}),
        "2": Task("2", "x", 1, {"b": 20}),
    }
    request = PlanRequest(Job("7", "", tasks), environment(*types), deadline=100)
    assert published_spot_deadline(request) == 80


@pytest.mark.parametrize(
    "without_on_demand", [environment(on_demand=0), environment(instance_type(on_demand=None))]
)
def test_without_on_demand_vms_there_is_nothing_to_keep_back(without_on_demand: Environment) -> None:
    request = PlanRequest(job([100]), environment(), deadline=500)
    assert published_spot_deadline(replace(request, environment=without_on_demand)) == 500


@pytest.mark.parametrize(
    ("folder", "deadline", "d_spot"), [("552", 2700, 2462), ("551", 2700, 2400), ("551", 10800, 10500)]
)
def test_the_published_jobs(folder: str, deadline: float, d_spot: float) -> None:
    """552: the eight shortest tasks on a t3.large of four cores; 551: three of 300 s on a t3.2xlarge."""
    assert published_spot_deadline(published_request(folder, deadline)) == d_spot
