"""Hundreds of random jobs: every plan keeps all rules, and no easy job is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Burstable, Environment, InstanceType, Job, Market, Plan, Task
from airflow_provider_hads.planning import (
    Objective,
    PlanRequest,
    SpotDeadlineRule,
    get_planner,
    planner_names,
)
from airflow_provider_hads.planning.lower_bound import lower_bound
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from tests.support.plan_checker import plan_problems, recovery_problems
from tests.support.recovery_checker import unrecoverable_moments

NAMES = ("a", "b", "c", "d")
many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
prices = st.floats(0.001, 2)
counts = st.sampled_from([5, 5, 3, 2, 1, 0])


@st.composite
def instance_types(draw: st.DrawFn, name: str) -> InstanceType:
    offered = draw(st.sampled_from([(True, True), (True, True), (True, False), (False, True)]))
    markets = [market for market, is_offered in zip(Market, offered, strict=True) if is_offered]
    return InstanceType(
        name,
        draw(st.sampled_from([1, 2, 4, 8])),
        draw(st.sampled_from([3840.0, 16000.0, 1000.0])),
        draw(st.floats(1, 100)),
        {market: draw(prices) for market in markets},
        {market: draw(counts) for market in markets},
    )


@st.composite
def burstable_types(draw: st.DrawFn) -> InstanceType:
    baseline = draw(st.sampled_from([0.3, 0.5, 0.0]))
    limits = {Market.ON_DEMAND: draw(counts)}
    return InstanceType("t", 2, 8000.0, 10, {Market.ON_DEMAND: draw(prices)}, limits, Burstable(24, baseline))


@st.composite
def environments(draw: st.DrawFn) -> Environment:
    names = draw(st.sampled_from([NAMES, NAMES[:2], NAMES[:1]]))
    types = {name: draw(instance_types(name)) for name in names}
    if draw(st.booleans()):
        types["t"] = draw(burstable_types())
    return Environment(types, {market: draw(st.sampled_from([10, 10, 5, 2, 1, 0])) for market in Market})


def equal(draw: st.DrawFn) -> float:
    return 100.0


def spread(draw: st.DrawFn) -> float:
    return float(draw(st.floats(1, 1000)))


def few_lengths(draw: st.DrawFn) -> float:
    return float(draw(st.sampled_from([60.0, 150.0, 305.5])))


@st.composite
def jobs(draw: st.DrawFn, environment: Environment) -> Job:
    """Jobs of equal, few or spread runtimes, small or bound by memory, some with one long task."""
    runtime = draw(st.sampled_from([equal, spread, few_lengths]))
    sizes = draw(st.sampled_from([st.just(0.0), st.floats(1, 100), st.floats(400, 3000)]))
    one_long = draw(st.sampled_from([False, False, True]))
    tasks = {}
    for index in range(draw(st.sampled_from([25, 12, 18, 5, 2, 1]))):
        seconds = 900.0 if one_long and index == 0 else runtime(draw)
        runtimes = {name: seconds * draw(st.sampled_from([1, 1, 0.8])) for name in environment.instance_types}
        tasks[str(index)] = Task(str(index), "x", draw(sizes), runtimes)
    return Job("7", "random", tasks)


class Ticks:
    """A clock that goes on by a second each time that it is read, so that time limits end searches early."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 1.0
        return self._now


@st.composite
def requests(draw: st.DrawFn) -> PlanRequest:
    """Two thirds of them in a hurry: what holds for every plan holds for one that was soon found."""
    environment = draw(environments())
    return PlanRequest(
        draw(jobs(environment)),
        environment,
        deadline=draw(st.sampled_from([2500.0, 1400.0, 950.0, 650.0, 310.0, 150.0, 9000.0])),
        lead_time=draw(st.sampled_from([0.0, 0.0, 60.0])),
        parallel=draw(st.booleans()),
        vcpu_limit=draw(st.sampled_from([None, None, 8])),
        objective=draw(st.sampled_from(Objective)),
        burstable_factor=draw(st.sampled_from([0.2, 1.0, 0.0])),
        max_iteration=draw(st.sampled_from([1, 2, 30])),
        time_limit=draw(st.sampled_from([4.0, 4.0, None])),
        clock=Ticks(),
    )


def planned(planner: str, request: PlanRequest) -> Plan | InfeasibleJob:
    try:
        return get_planner(planner)(request)
    except InfeasibleJob as refusal:
        return refusal


@pytest.mark.parametrize("planner", planner_names())
@many
@given(request=requests())
def test_every_plan_keeps_the_rules_and_every_refusal_has_a_reason(
    planner: str, request: PlanRequest
) -> None:
    plan = planned(planner, request)
    if isinstance(plan, InfeasibleJob):
        assert plan.limit in str(plan)
        if plan.smallest_deadline is None:
            return
        assert plan.smallest_deadline > request.deadline
        request = replace(request, deadline=plan.smallest_deadline)
        plan = get_planner(planner)(request)
    assert plan_problems(plan, request) == []
    assert plan == get_planner(planner)(request)


@pytest.mark.parametrize("planner", ["cc", "ils", "packing"])
@settings(many, max_examples=180)
@given(request=requests())
def test_safe_plans_keep_the_rules_and_can_be_recovered(planner: str, request: PlanRequest) -> None:
    """Where the deadline is too early, which takes long to find out, the smallest one is asked for."""
    request = replace(request, spot_deadline=SpotDeadlineRule.SAFE, boot=60, reaction=30)
    plan = planned(planner, request)
    if isinstance(plan, InfeasibleJob):
        assume(plan.smallest_deadline is not None)
        assert plan.smallest_deadline is not None
        request = replace(request, deadline=plan.smallest_deadline)
        plan = get_planner(planner)(request)
    assert plan_problems(plan, request) == []
    assert recovery_problems(plan, request) == []
    assert unrecoverable_moments(plan, request) == []
    assert first_unsafe_moment(request, plan) is None


@pytest.mark.parametrize("planner", ["cc", "packing"])
@many
@given(request=requests())
def test_no_plan_costs_less_than_the_bound(planner: str, request: PlanRequest) -> None:
    plan = planned(planner, request)
    bound = lower_bound(request)
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    assert bound <= plan.cost * (1 + 1e-9)


def easy(request: PlanRequest) -> PlanRequest:
    """Return the request with an on-demand VM for each task, large and fast enough for it."""
    plenty = len(request.job.tasks)
    longest = max(max(task.runtimes.values()) for task in request.job.tasks.values())
    types = {
        name: replace(
            kind,
            memory=16000.0,
            prices={**kind.prices, Market.ON_DEMAND: 1.0},
            limits={**kind.limits, Market.ON_DEMAND: plenty},
        )
        for name, kind in request.environment.instance_types.items()
    }
    limits = {**request.environment.global_limits, Market.ON_DEMAND: plenty}
    return replace(
        request, environment=Environment(types, limits), deadline=longest, lead_time=0.0, vcpu_limit=None
    )


@pytest.mark.parametrize("planner", planner_names())
@pytest.mark.parametrize("rule", SpotDeadlineRule)
@many
@given(request=requests())
def test_no_easy_job_is_refused(planner: str, rule: SpotDeadlineRule, request: PlanRequest) -> None:
    request = replace(easy(request), spot_deadline=rule)
    assert plan_problems(get_planner(planner)(request), request) == []
