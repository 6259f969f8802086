"""What the job would cost without spot VMs."""

from __future__ import annotations

import pytest

from airflow_provider_hads.model import Market
from airflow_provider_hads.planning import PlanRequest, get_planner
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import environment, instance_type, job, published_request


def cost(request: PlanRequest) -> float:
    plan = get_planner("on-demand")(request)
    assert plan_problems(plan, request) == []
    assert {vm.market for vm in plan.vms} == {Market.ON_DEMAND}
    assert (plan.d_spot, plan.d_spot_rule) == (None, None)
    return plan.cost


def test_it_fills_the_cheapest_cores() -> None:
    """Four rounds on the two cores of a VM for $0.1 an hour; a core of the other type costs more."""
    types = [instance_type(), instance_type("dear", vcpus=4, on_demand=0.3)]
    request = PlanRequest(job([900] * 8, types=("small", "dear")), environment(*types), deadline=3600)
    assert cost(request) == pytest.approx(0.1)


def test_it_uses_a_dearer_type_when_time_is_short() -> None:
    types = [instance_type(limit=1), instance_type("dear", vcpus=4, on_demand=0.3)]
    request = PlanRequest(job([900] * 6, types=("small", "dear")), environment(*types), deadline=900)
    assert cost(request) == pytest.approx(0.1 / 4 + 0.3 / 4)


def test_it_does_not_use_burstable_types() -> None:
    types = [instance_type(), instance_type("burst", on_demand=0.001, burstable=True)]
    request = PlanRequest(job([3600], types=("small", "burst")), environment(*types), deadline=3600)
    assert cost(request) == pytest.approx(0.1)


@pytest.mark.parametrize(("folder", "most"), [("552", 0.277), ("551", 0.227)])
def test_published_jobs(folder: str, most: float) -> None:
    """No dearer than found so far."""
    assert cost(published_request(folder, deadline=2700)) <= most
