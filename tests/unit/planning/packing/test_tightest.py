"""The earliest deadline of a job."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from airflow_provider_hads.model import Market, Plan
from airflow_provider_hads.planning import PlanRequest, SpotDeadlineRule
from airflow_provider_hads.planning.packing.tightest import tightest_plan
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import environment, instance_type, job


def earliest(request: PlanRequest) -> Plan:
    """Return the plan of the earliest deadline, which must keep the rules."""
    plan = tightest_plan(request, "packing", math.ceil)
    assert plan is not None
    assert plan_problems(plan, replace(request, deadline=plan.deadline)) == []
    return plan


def full_cores(rng: Random, cores: int, each: int) -> list[float]:
    """Return runtimes that fill so many cores for 1000 s, in that many pieces each."""
    runtimes = []
    for _ in range(cores):
        cuts = [0, *sorted(rng.sample(range(100, 901), each - 1)), 1000]
        runtimes += [float(end - start) for start, end in pairwise(cuts)]
    rng.shuffle(runtimes)
    return runtimes


@pytest.mark.parametrize(
    ("cores", "each", "over"), [(2, 3, 0), (4, 3, 0), (16, 2, 0), (16, 3, 6), (16, 5, 6)]
)
def test_cores_that_can_be_filled_are_nearly_full(cores: int, each: int, over: float) -> None:
    """Seconds over the 1000 that are possible are few."""
    types = environment(instance_type(vcpus=cores, spot=None, limit=1))
    for seed in range(3):
        request = PlanRequest(job(full_cores(Random(seed), cores, each)), types, deadline=900)
        assert 1000 <= earliest(request).deadline <= 1000 + over


def test_the_plan_is_the_same_whatever_later_deadline_is_asked_for() -> None:
    types = environment(instance_type(vcpus=8, spot=None, limit=1))
    request = PlanRequest(job(full_cores(Random(1), 8, 4)), types, deadline=10)
    plan = earliest(request)
    assert earliest(replace(request, deadline=plan.deadline)) == plan
    assert earliest(replace(request, deadline=plan.deadline - 1)) == plan


def test_spot_vms_end_by_d_spot() -> None:
    """The reserve is one task on one of ten on-demand VMs: both markets together take two rounds less."""
    types = environment(instance_type(limit=(2, 2)), on_demand=10)
    request = PlanRequest(job([100] * 10), types, deadline=10)
    plan = earliest(request)
    assert plan.deadline == 200
    assert plan.d_spot == published_spot_deadline(replace(request, deadline=200)) == 100
    assert {vm.market for vm in plan.vms} == {Market.SPOT, Market.ON_DEMAND}


def test_under_the_safe_rule_on_demand_vms_do_it_alone() -> None:
    request = PlanRequest(job([100] * 10), environment(), deadline=10, spot_deadline=SpotDeadlineRule.SAFE)
    plan = earliest(request)
    assert (plan.deadline, plan.d_spot) == (100, 0)
    assert {vm.market for vm in plan.vms} == {Market.ON_DEMAND}


def test_the_vms_that_the_limits_allow_are_the_strongest_or_have_the_fastest_cores() -> None:
    """With one VM allowed, many cores count; with four vCPUs, fast ones."""
    few = instance_type("few", vcpus=2, spot=None)
    many = instance_type("many", vcpus=4, spot=None)
    work = job([100] * 8, types=("few", "many"))
    assert earliest(PlanRequest(work, environment(few, many, on_demand=1), deadline=10)).deadline == 200
    tasks = {name: replace(task, runtimes={"few": 60.0, "many": 100.0}) for name, task in work.tasks.items()}
    fast = PlanRequest(replace(work, tasks=tasks), environment(few, many), deadline=10, vcpu_limit=4)
    assert earliest(fast).deadline == 120


def test_where_memory_may_bind_there_is_none() -> None:
    request = PlanRequest(job([100] * 4, memory=3000), environment(), deadline=10)
    assert tightest_plan(request, "packing", math.ceil) is None
