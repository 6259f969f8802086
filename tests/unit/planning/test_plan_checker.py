"""The checker that the property tests trust: each broken rule is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.model import Market, Placement, Plan, PlannedVm
from airflow_provider_hads.planning import PlanRequest
from tests.support.plan_checker import plan_problems, recovery_problems
from tests.support.planning_examples import environment, instance_type, job

REQUEST = PlanRequest(
    job([100, 100, 50], memory=2000),
    environment(instance_type(limit=(1, 1)), instance_type("burst", burstable=True), spot=1, on_demand=1),
    deadline=400,
    vcpu_limit=4,
)
SPOT = PlannedVm("vm-0", "small", Market.SPOT, 0.03, (Placement("0", 0, 0, 100), Placement("1", 1, 0, 100)))
ON_DEMAND = PlannedVm("vm-1", "small", Market.ON_DEMAND, 0.1, (Placement("2", 0, 0, 50),))
PLAN = Plan("7", "example", "by hand", 400, (SPOT, ON_DEMAND), d_spot=150, d_spot_rule="published")


def third(task_id: str = "2", core: int = 0, start: float = 0, end: float = 50) -> Plan:
    """Return the plan with another placement on the on-demand VM."""
    return replace(PLAN, vms=(SPOT, replace(ON_DEMAND, placements=(Placement(task_id, core, start, end),))))


def test_a_good_plan_has_no_problems() -> None:
    assert plan_problems(PLAN, REQUEST) == []


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (replace(PLAN, vms=(SPOT,)), "task 2 is planned 0 times"),
        (third(task_id="0"), "task 0 is planned 2 times"),
        (third(task_id="9"), "task 9 is not in the job"),
        (third(end=40), "task 2 takes 50"),
        (third(start=360, end=410), "is not within 0 and 400"),
        (third(start=-10, end=40), "is not within 0 and 400"),
        (third(core=2), "has no core 2"),
        (replace(PLAN, d_spot=99), "is not within 0 and 99"),
        (replace(PLAN, vms=(SPOT, replace(ON_DEMAND, id="vm-0"))), "a VM id occurs twice"),
        (replace(PLAN, vms=(SPOT, replace(ON_DEMAND, market=Market.SPOT))), "2 spot VMs of small"),
        (replace(PLAN, vms=(SPOT, replace(ON_DEMAND, market=Market.SPOT))), "2 spot VMs over all types"),
        (replace(PLAN, vms=(SPOT, replace(ON_DEMAND, instance_type="burst"))), "burst is burstable"),
        (replace(PLAN, vms=(SPOT, replace(ON_DEMAND, price=0.03))), "has the price 0.03"),
    ],
)
def test_each_broken_rule_is_found(plan: Plan, problem: str) -> None:
    request = replace(REQUEST, job=job([100, 100, 50], memory=2000, types=("small", "burst")))
    assert problem in "\n".join(plan_problems(plan, request))


def on_burstable(share: float | None, end: float, planner: str = "ils") -> list[str]:
    """Return the problems of the plan with its third task on a burstable VM of baseline 20 %."""
    request = replace(REQUEST, job=job([100, 100, 50], memory=2000, types=("small", "burst")))
    vm = PlannedVm("vm-1", "burst", Market.ON_DEMAND, 0.1, (Placement("2", 0, 0, end),), share)
    return plan_problems(replace(PLAN, vms=(SPOT, vm), planner=planner), request)


def test_in_baseline_mode_a_task_takes_its_runtime_divided_by_the_baseline() -> None:
    assert on_burstable(0.2, end=250) == []
    assert "task 2 takes 250.0" in on_burstable(0.2, end=50)[0]
    assert "a CPU share of None" in on_burstable(None, end=50)[0]
    assert on_burstable(0.2, end=250, planner="packing") == ["burst is burstable"]


def test_only_burstable_vms_have_a_cpu_share() -> None:
    slow = replace(ON_DEMAND, cpu_share=0.5, placements=(Placement("2", 0, 0, 100),))
    assert plan_problems(replace(PLAN, vms=(SPOT, slow)), REQUEST) == [
        "vm-1 has a CPU share, but small has no baseline"
    ]


def test_two_tasks_at_once_on_a_core() -> None:
    places = (Placement("0", 0, 0, 100), Placement("1", 0, 50, 150))
    plan = replace(PLAN, vms=(replace(SPOT, placements=places), ON_DEMAND))
    assert "two tasks at 50" in "\n".join(plan_problems(plan, REQUEST))


def test_too_much_memory_at_once() -> None:
    request = replace(REQUEST, job=job([100, 100, 50], memory=2001))
    assert "uses 4002 MB of 4000 at 0" in "\n".join(plan_problems(PLAN, request))


def test_too_many_vcpus() -> None:
    assert plan_problems(PLAN, replace(REQUEST, vcpu_limit=3)) == ["4 vCPUs"]


def test_the_time_until_the_vms_are_ready_is_no_time_for_tasks() -> None:
    assert plan_problems(PLAN, replace(REQUEST, lead_time=350)) != []


def test_one_task_at_a_time() -> None:
    assert plan_problems(PLAN, replace(REQUEST, parallel=False)) == ["vm-0 has no core 1"]


def test_a_loss_that_can_not_be_made_good() -> None:
    """Lost at 100, ready again at 250: 150 s are left for tasks of 100 s."""
    request = replace(REQUEST, boot=100, reaction=50)
    assert recovery_problems(PLAN, request) == []
    assert recovery_problems(PLAN, replace(request, reaction=101)) != []
