"""Plans that can be recovered at every moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Market
from airflow_provider_hads.planning import PlanRequest, SpotDeadlineRule, get_planner
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from tests.support.plan_checker import plan_problems, recovery_problems
from tests.support.planning_examples import environment, job, published_request

REQUEST = PlanRequest(
    job([100] * 8), environment(), deadline=1000, spot_deadline=SpotDeadlineRule.SAFE, boot=60, reaction=40
)


def test_spot_work_ends_while_there_is_time_to_run_it_again() -> None:
    plan = get_planner("cc")(REQUEST)
    assert plan.d_spot_rule == "safe"
    assert {vm.market for vm in plan.vms} == {Market.SPOT}
    assert plan_problems(plan, REQUEST) == recovery_problems(plan, REQUEST) == []


def test_without_that_time_all_work_is_on_demand() -> None:
    plan = get_planner("cc")(replace(REQUEST, deadline=210))
    assert {vm.market for vm in plan.vms} == {Market.ON_DEMAND}


def test_without_a_reserve_there_is_no_safe_plan() -> None:
    request = replace(REQUEST, environment=environment(on_demand=0))
    with pytest.raises(InfeasibleJob, match="on-demand VM count"):
        get_planner("cc")(request)
    published = replace(request, spot_deadline=SpotDeadlineRule.PUBLISHED)
    assert first_unsafe_moment(request, get_planner("cc")(published)) is not None


@pytest.mark.parametrize(("folder", "deadline"), [("552", 2700), ("551", 2700), ("552p", 2700)])
def test_published_jobs_have_a_safe_plan_on_spot_vms(folder: str, deadline: float) -> None:
    request = replace(published_request(folder, deadline), spot_deadline=SpotDeadlineRule.SAFE)
    plan = get_planner("cc")(request)
    assert plan_problems(plan, request) == recovery_problems(plan, request) == []
    assert {vm.market for vm in plan.vms} == {Market.SPOT}
