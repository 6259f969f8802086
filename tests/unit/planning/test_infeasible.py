"""What a user is told when there is no plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Job, Task
from airflow_provider_hads.planning import PlanRequest, SpotDeadlineRule, get_planner
from airflow_provider_hads.planning.packing.planner import attempt_packing
from airflow_provider_hads.planning.spot_deadline import published_spot_deadline
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import environment, instance_type, job, published_request
from tests.support.random_jobs import random_request


def refused(request: PlanRequest, planner: str = "cc") -> InfeasibleJob:
    with pytest.raises(InfeasibleJob) as caught:
        get_planner(planner)(request)
    assert caught.value.limit in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def test_on_demand_vms_over_all_types() -> None:
    """Too tight for spot work (D_spot 0); ten tasks on one VM of two cores need five rounds."""
    error = refused(PlanRequest(job([100] * 10), environment(on_demand=1), deadline=120))
    assert error.limit == "on-demand VM count over all types"
    assert str(error) == (
        "job 7 (10 tasks) has no plan for its deadline of 120 s; the binding limit is the on-demand "
        "VM count over all types: now 1 on-demand. The smallest deadline that planner cc can meet within the "
        f"limits is {error.smallest_deadline:g} s; else it takes a higher limit."
    )


def test_on_demand_vms_of_each_type() -> None:
    error = refused(PlanRequest(job([100] * 10), environment(instance_type(limit=1)), deadline=110))
    assert error.limit == "on-demand VM count per type"
    assert "small 1" in str(error)


def test_spot_vms() -> None:
    only_spot = environment(instance_type(on_demand=None), spot=1)
    error = refused(PlanRequest(job([100] * 10), only_spot, deadline=200))
    assert error.limit == "spot VM count over all types"


def test_spot_vms_alone_are_not_safe() -> None:
    only_spot = environment(instance_type(on_demand=None))
    request = PlanRequest(job([100] * 2), only_spot, deadline=2000, spot_deadline=SpotDeadlineRule.SAFE)
    error = refused(request)
    assert str(error) == (
        "job 7 (2 tasks) has no plan for its deadline of 2000 s; the binding limit is the lack of a way out: "
        "were all spot VMs lost, task 0 could go on on no on-demand VM of a non-burstable type (none). "
        "No larger deadline helps; it takes an on-demand type for it, or the rule 'published' for D_spot."
    )
    assert get_planner("cc")(replace(request, spot_deadline=SpotDeadlineRule.PUBLISHED)).vms


def test_several_limits_of_one_market_at_once() -> None:
    types = environment(instance_type(spot=None, limit=1), on_demand=1)
    error = refused(PlanRequest(job([100] * 10), types, deadline=110))
    assert error.limit == "on-demand VM count"
    assert "1 on-demand over all, small 1" in str(error)


def test_the_vcpu_limit() -> None:
    error = refused(PlanRequest(job([100] * 10), environment(), deadline=110, vcpu_limit=4))
    assert error.limit == "vCPU limit"
    assert "4 vCPUs" in str(error)


def test_a_vcpu_limit_below_the_smallest_type() -> None:
    error = refused(PlanRequest(job([100]), environment(), deadline=1000, vcpu_limit=1))
    assert (error.limit, error.smallest_deadline) == ("vCPU limit", None)
    assert "No larger deadline helps" in str(error)


def test_memory() -> None:
    error = refused(PlanRequest(job([100], memory=5000), environment(), deadline=1000))
    assert (error.limit, error.smallest_deadline) == ("memory", None)
    assert "task 0 needs 5000 MB of memory, and the largest type allowed (small) has 4000 MB" in str(error)


def test_the_longest_task() -> None:
    error = refused(PlanRequest(job([100, 700, 50]), environment(), deadline=600))
    assert error.limit == "longest task"
    assert error.smallest_deadline == pytest.approx(700, rel=0.01)
    assert "task 1 alone takes 700 s on the fastest type allowed" in str(error)


def test_the_time_until_the_vms_are_ready_is_no_time_for_tasks() -> None:
    error = refused(PlanRequest(job([100]), environment(), deadline=200, lead_time=180))
    assert error.smallest_deadline == pytest.approx(280, rel=0.01)
    assert "its deadline of 200 s (180 s of it until the VMs are ready); the binding limit" in str(error)


def test_a_deadline_before_the_vms_are_ready() -> None:
    error = refused(PlanRequest(job([100]), environment(), deadline=60, lead_time=180))
    assert error.smallest_deadline == pytest.approx(280, rel=0.01)


def test_no_estimate_on_a_type_that_is_large_enough() -> None:
    types = [instance_type("tiny", memory=50), instance_type()]
    error = refused(PlanRequest(job([10], types=["tiny"]), environment(*types), deadline=1000))
    assert error.limit == "lack of an estimate"


def test_no_vm_at_all() -> None:
    error = refused(PlanRequest(job([10]), environment(spot=0, on_demand=0), deadline=1000))
    assert error.limit == "spot or on-demand VM count"


def test_only_burstable_types() -> None:
    error = refused(PlanRequest(job([10]), environment(instance_type(burstable=True)), deadline=1000))
    assert "non-burstable" in str(error)


def test_a_task_that_only_a_spot_vm_can_run_too_late() -> None:
    """D_spot is 110 - 100 s, and no number of VMs runs the second task on spot by then."""
    types = [instance_type(), instance_type("other", on_demand=None)]
    tasks = {"0": Task("0", "x", 1, {"small": 100}), "1": Task("1", "x", 1, {"other": 100})}
    error = refused(PlanRequest(Job("7", "", tasks), environment(*types, on_demand=2), deadline=110))
    assert error.limit == "capacity within the deadline"
    assert error.smallest_deadline == pytest.approx(200, rel=0.01)


def test_limits_that_no_deadline_can_meet() -> None:
    """Each task needs another type, and only one VM is allowed."""
    types = [instance_type("a", spot=None), instance_type("b", spot=None)]
    tasks = {"0": Task("0", "x", 1, {"a": 10}), "1": Task("1", "x", 1, {"b": 10})}
    error = refused(PlanRequest(Job("7", "", tasks), environment(*types, on_demand=1), deadline=1000))
    assert error.limit == "on-demand VM count over all types"
    assert error.smallest_deadline is None


@pytest.mark.parametrize("planner", ["cc", "on-demand"])
def test_the_smallest_deadline_can_be_met(planner: str) -> None:
    request = published_request("552", deadline=400)
    error = refused(request, planner)
    assert error.smallest_deadline is not None
    within = replace(request, deadline=error.smallest_deadline)
    assert plan_problems(get_planner(planner)(within), within) == []


@pytest.mark.parametrize("planner", ["packing", "on-demand"])
def test_what_fits_only_in_one_way_is_planned_and_named(planner: str) -> None:
    """Longest first, as a quick search goes about it, the five tasks take 700 s."""
    types = environment(instance_type(spot=None, limit=1))
    request = PlanRequest(job([300, 300, 200, 200, 200]), types, deadline=600)
    assert plan_problems(get_planner(planner)(request), request) == []
    assert refused(replace(request, deadline=599), planner).smallest_deadline == 600


@pytest.mark.parametrize("planner", ["packing", "on-demand"])
def test_the_deadline_that_is_named_is_hardly_later_than_the_earliest(planner: str) -> None:
    """On on-demand VMs, 842 s is the earliest of the published job, by an exact dynamic program."""
    request = replace(published_request("552", deadline=800), spot_deadline=SpotDeadlineRule.SAFE)
    named = refused(request, planner).smallest_deadline
    assert named is not None
    assert 842 <= named <= 850
    within = replace(request, deadline=named)
    assert plan_problems(get_planner(planner)(within), within) == []


@pytest.mark.parametrize("planner", ["cc", "ils", "packing", "on-demand"])
def test_a_deadline_is_named_however_far_off_it_is(planner: str) -> None:
    types = environment(instance_type(vcpus=1, spot=None, limit=1))
    error = refused(PlanRequest(job([200_000] * 2), types, deadline=0.5), planner)
    assert error.smallest_deadline == pytest.approx(400_000, rel=0.001)


def test_where_memory_may_bind_a_full_search_comes_before_a_refusal() -> None:
    request = replace(random_request("memory", 40, 3, seed=11), deadline=770)
    assert attempt_packing(request, published_spot_deadline(request)) is None
    assert plan_problems(get_planner("packing")(request), request) == []
    named = refused(replace(request, deadline=600), "packing").smallest_deadline
    assert named is not None
    assert named <= 770
