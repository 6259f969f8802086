"""What the lower bound knows beside the linear relaxation's cores and memory."""

from __future__ import annotations

import math

import pytest

from airflow_provider_hads.model import Job, Task
from airflow_provider_hads.planning import PlanRequest, get_planner
from airflow_provider_hads.planning.lower_bound import lower_bound
from airflow_provider_hads.planning.packing.ascent import best_prices
from airflow_provider_hads.planning.packing.fleet_bound import fleet_bound
from airflow_provider_hads.planning.packing.instance import compile_instance
from airflow_provider_hads.planning.packing.resources import Resource
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from tests.support.planning_examples import environment, instance_type, job
from tests.support.random_jobs import random_request


def memory(parts: int | None) -> Resource:
    return Resource(choice=0, whole=1000.0, timed=True, parts=parts)


@pytest.mark.parametrize(
    ("parts", "megabytes", "seconds_of_the_whole"),
    [
        (None, 250, 2.5),
        (1, 499, 0),
        (1, 501, 10),
        (2, 334, 5),
        (2, 667, 10),
        (3, 260, 10 / 3),
    ],
)
def test_a_large_task_counts_for_as_much_as_none_other_can_use(
    parts: int | None, megabytes: float, seconds_of_the_whole: float
) -> None:
    assert memory(parts).use(10.0, megabytes) == pytest.approx(seconds_of_the_whole)


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize(
    "sizes", [(500, 500), (334, 333, 333), (250,) * 4, (600, 400), (501, 250, 249), (1000,)]
)
def test_what_fits_together_uses_one_whole_at_most(parts: int, sizes: tuple[float, ...]) -> None:
    assert sum(memory(parts).use(1.0, size) for size in sizes) <= 1


@pytest.mark.parametrize(
    ("megabytes", "seconds_of_the_whole"), [(199, 0), (201, 2.01), (799, 7.99), (801, 10), (1000, 10)]
)
def test_beside_what_needs_nearly_all_only_small_tasks_have_room(
    megabytes: float, seconds_of_the_whole: float
) -> None:
    small = Resource(choice=0, whole=1000.0, timed=True, small=0.2)
    assert small.use(10.0, megabytes) == pytest.approx(seconds_of_the_whole)


@pytest.mark.parametrize("small", [0.05, 0.2, 0.5])
@pytest.mark.parametrize(
    "sizes", [(500, 500), (800, 200), (801, 199), (951, 49), (200,) * 5, (350, 350, 300)]
)
def test_with_small_tasks_left_out_the_others_use_one_whole_at_most(
    small: float, sizes: tuple[float, ...]
) -> None:
    assert sum(Resource(0, 1000.0, timed=True, small=small).use(1.0, size) for size in sizes) <= 1


def test_a_task_that_cannot_run_uses_nothing() -> None:
    assert memory(1).use(math.inf, 900) == 0


def test_tasks_of_more_than_half_the_memory_run_one_after_the_other() -> None:
    request = PlanRequest(job([100.0, 101.0, 102.0], memory=2500), environment(instance_type()), 400)
    assert get_planner("packing")(request).cost == pytest.approx(303 * 0.03 / 3600)
    assert lower_bound(request) == pytest.approx(303 * 0.03 / 3600, rel=0.01)


def test_a_vm_is_paid_for_as_long_as_its_longest_task_runs() -> None:
    small = instance_type(limit=(1, 1))
    request = PlanRequest(job([1000.0, *range(10, 60, 10)]), environment(small), 1500)
    assert get_planner("packing")(request).cost == pytest.approx(1000 * 0.03 / 3600)
    assert lower_bound(request) == pytest.approx(1000 * 0.03 / 3600, rel=1e-6)


def test_a_job_that_has_no_plan_has_a_bound_all_the_same() -> None:
    tasks = {
        str(index): Task(str(index), "x", 100, {"small": 90.0 + index, "large": 95.0 + index})
        for index in range(60)
    }
    kinds = environment(instance_type(limit=1), instance_type("large", vcpus=4, limit=1))
    assert lower_bound(PlanRequest(Job("7", "example", tasks), kinds, 100)) > 0


def test_the_rounding_of_large_prices_does_not_add_to_the_bound() -> None:
    """One task, on the one VM that the vCPUs allow: their price has no end."""
    tasks = {"0": Task("0", "x", 0, {"dear": 662.3517471153698, "cheap": 827.9396838942122})}
    dear = instance_type("dear", vcpus=8, spot=1.0, on_demand=0.44574848644879395)
    cheap = instance_type("cheap", vcpus=8, spot=1.0, on_demand=0.0010000000000000002)
    kinds = environment(dear, cheap, spot=10, on_demand=10)
    request = PlanRequest(Job("7", "one", tasks), kinds, 1400.0, parallel=False, vcpu_limit=8)
    assert lower_bound(request) <= 827.9396838942122 * 0.001 / 3600 * (1 + 1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_limit_is_one_of_whole_vms(seed: int) -> None:
    request = random_request("lognormal", 120, 6, seed)
    instance = compile_instance(request, published_spot_deadline(request))
    relaxation, prices = best_prices(instance, 3, 40)
    bound = fleet_bound(relaxation, prices, 40)
    assert relaxation.value(prices) * 1.005 < bound < get_planner("packing")(request).cost


def test_limits_that_cost_little_are_not_looked_at() -> None:
    request = random_request("limits", 80, 6, 0)
    relaxation, prices = best_prices(compile_instance(request, published_spot_deadline(request)), 3, 40)
    assert fleet_bound(relaxation, prices, 40) == relaxation.value(prices)
