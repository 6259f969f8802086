"""The published greedy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airflow_provider_hads.model import Environment, Job, Market, Plan, Task
from airflow_provider_hads.planning import PlanRequest, get_planner
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import PUBLISHED, environment, instance_type, job, published_request


def plan(request: PlanRequest) -> Plan:
    made = get_planner("cc")(request)
    assert plan_problems(made, request) == []
    return made


def shape(made: Plan) -> list[tuple[str, str, str, list[str]]]:
    return [(vm.id, vm.instance_type, str(vm.market), list(vm.task_ids)) for vm in made.vms]


def test_tasks_fill_one_spot_vm_while_they_end_before_d_spot() -> None:
    """One VM of two cores; D_spot is 400 - 100, and an end at D_spot itself is too late for the greedy."""
    made = plan(PlanRequest(job([100] * 6), environment(), deadline=400))
    assert made.d_spot == 300
    assert shape(made) == [
        ("vm-0", "small", "spot", ["0", "1", "2", "3"]),
        ("vm-1", "small", "spot", ["4", "5"]),
    ]


def test_the_largest_tasks_are_placed_first() -> None:
    tasks = {str(size): Task(str(size), "x", size, {"small": 10}) for size in (10, 30, 20)}
    made = plan(PlanRequest(Job("7", "", tasks), environment(instance_type(vcpus=1)), deadline=1000))
    assert made.vms[0].task_ids == ("30", "20", "10")


def test_new_spot_vms_follow_the_round_robin() -> None:
    """Weights 1 and 3; a VM has the memory for two tasks in the time there is."""
    types = [instance_type("slow", gflops=1), instance_type("fast", gflops=10)]
    tasks = job([100] * 8, memory=2000, types=("slow", "fast"))
    made = plan(PlanRequest(tasks, environment(*types), deadline=201))
    assert [vm.instance_type for vm in made.vms] == ["fast", "fast", "slow", "fast"]


def test_when_spot_vms_are_used_up_on_demand_vms_are_opened_by_price() -> None:
    types = [instance_type(limit=1), instance_type("dear", limit=(0, 5), on_demand=0.3)]
    made = plan(PlanRequest(job([100] * 6, types=("small", "dear")), environment(*types), deadline=150))
    assert made.d_spot == 50
    assert [(vm.instance_type, vm.market) for vm in made.vms] == [
        ("small", Market.ON_DEMAND),
        ("dear", Market.ON_DEMAND),
        ("dear", Market.ON_DEMAND),
    ]


def test_each_market_has_its_own_limit() -> None:
    """The published program counts both markets of a type together, and would give up here."""
    made = plan(PlanRequest(job([100] * 4), environment(instance_type(limit=1)), deadline=201))
    assert [vm.market for vm in made.vms] == [Market.SPOT, Market.ON_DEMAND]


def test_limits_over_all_types_hold() -> None:
    types = [instance_type("a"), instance_type("b")]
    request = PlanRequest(job([100] * 8, types=("a", "b")), environment(*types, spot=1), deadline=201)
    assert [vm.market for vm in plan(request).vms].count(Market.SPOT) == 1


def test_the_vcpu_limit_holds() -> None:
    request = PlanRequest(job([100] * 8), environment(), deadline=900)
    assert len(plan(replace(request, vcpu_limit=2)).vms) == 1


def test_a_plan_counts_from_the_moment_the_vms_are_ready() -> None:
    """Of 580 s, 400 are left; the plan is that of a deadline of 400 s."""
    late = plan(PlanRequest(job([100] * 6), environment(), deadline=580, lead_time=180))
    assert replace(late, deadline=400) == plan(PlanRequest(job([100] * 6), environment(), deadline=400))


def test_a_job_without_tasks_needs_no_vm() -> None:
    assert plan(PlanRequest(job([]), environment(), deadline=100)).vms == ()


def test_one_task_at_a_time() -> None:
    made = plan(PlanRequest(job([100, 100]), environment(), deadline=1000, parallel=False))
    assert [(place.core, place.start) for place in made.vms[0].placements] == [(0, 0), (0, 100)]


def test_burstable_types_are_not_planned_on() -> None:
    types = [instance_type("burst", spot=0.001, on_demand=0.001, burstable=True), instance_type()]
    made = plan(PlanRequest(job([100], types=("burst", "small")), environment(*types), deadline=1000))
    assert made.vms[0].instance_type == "small"


def test_without_spot_types_it_plans_on_demand() -> None:
    made = plan(PlanRequest(job([100]), environment(instance_type(spot=None)), deadline=1000))
    assert made.vms[0].market is Market.ON_DEMAND


def test_a_type_that_can_not_run_a_task_is_passed_over() -> None:
    types = [instance_type("tiny", memory=50, gflops=1000), instance_type("unknown"), instance_type()]
    tasks = job([100], memory=60, types=("tiny", "small"))
    assert plan(PlanRequest(tasks, environment(*types), deadline=1000)).vms[0].instance_type == "small"


def test_a_task_may_take_all_the_time_there_is() -> None:
    """The published program wants it to end before the deadline, and would give up."""
    assert plan(PlanRequest(job([100]), environment(), deadline=100)).makespan == 100


def test_turns_that_the_round_robin_gives_to_a_used_up_type_are_no_dead_end() -> None:
    """Its two turns go to the better type, of which no VM is left; nothing else can be bought."""
    types = [
        instance_type("best", gflops=100, on_demand=None, limit=1),
        instance_type("other", on_demand=None, limit=1),
    ]
    made = plan(PlanRequest(job([100] * 4, types=("best", "other")), environment(*types), deadline=101))
    assert [vm.instance_type for vm in made.vms] == ["best", "other"]


def test_longest_first_where_largest_first_fails() -> None:
    """By memory the short tasks spread over both cores, and the long one no longer fits."""
    tasks = {
        "a": Task("a", "x", 30, {"small": 40}),
        "b": Task("b", "x", 20, {"small": 60}),
        "c": Task("c", "x", 10, {"small": 100}),
    }
    types = environment(instance_type(limit=(0, 1)), on_demand=1)
    assert plan(PlanRequest(Job("7", "", tasks), types, deadline=100)).makespan == 100


def test_the_same_request_gives_the_same_plan() -> None:
    request = PlanRequest(job(range(1, 40)), environment(), deadline=300)
    assert plan(request) == plan(request)


def _with_spot_prices(request: PlanRequest, prices: dict[str, float]) -> PlanRequest:
    types = {
        name: replace(kind, prices={**kind.prices, Market.SPOT: prices[name]}) if name in prices else kind
        for name, kind in request.environment.instance_types.items()
    }
    return replace(request, environment=Environment(types, request.environment.global_limits))


def test_the_published_map_of_552_task_by_task() -> None:
    """With the prices that stand in the published map (env.json has others), every placement is the same."""
    request = published_request("552", deadline=2700)
    published = json.loads((PUBLISHED / "552" / "map.json").read_text())
    vms = published["instances"].values()
    made = plan(_with_spot_prices(request, {vm["type"]: vm["price"] for vm in vms}))
    assert made.cost == pytest.approx(published["expected_cost"])
    assert made.makespan == published["expected_makespan"]
    ours = sorted(
        (vm.instance_type, sorted((place.task_id, place.start, place.end) for place in vm.placements))
        for vm in made.vms
    )
    theirs = sorted(
        (
            vm["type"],
            sorted((i, at["start"], at["end"]) for core in vm["map"].values() for i, at in core.items()),
        )
        for vm in vms
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("folder", "deadline", "cost"), [("552", 2700, 0.08401), ("551", 2700, 0.11407), ("551", 10800, 0.10687)]
)
def test_the_published_jobs_at_their_own_prices(folder: str, deadline: float, cost: float) -> None:
    assert plan(published_request(folder, deadline)).cost == pytest.approx(cost, abs=5e-6)
