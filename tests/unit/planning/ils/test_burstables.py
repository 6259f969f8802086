"""The burstable allocation."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.model import InstanceType, Market, Plan
from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.ils.burstables import allocate_burstables
from airflow_provider_hads.planning.ils.fleet import Kind, SearchFleet
from tests.support.plan_checker import plan_problems
from tests.support.planning_examples import environment, instance_type, job

SMALL = instance_type(vcpus=1)
BURST = instance_type("burst", vcpus=2, spot=None, burstable=True)
"""Baseline 20 %: a task takes five times its runtime."""


def allocate(
    runtimes: list[float],
    queues: list[list[int]],
    factor: float,
    *,
    types: tuple[InstanceType, ...] = (SMALL, BURST),
    deadline: float = 1000,
    on_demand: int = 20,
) -> Plan | None:
    """Return the plan of spot VMs with those queues; D_spot is 100."""
    tasks = job(runtimes, types=[kind.name for kind in types])
    request = PlanRequest(tasks, environment(*types, on_demand=on_demand), deadline)
    kind = Kind(request, types[0], Market.SPOT, list(tasks.tasks.values()))
    fleet = SearchFleet([kind] * len(queues), queues)
    plan = allocate_burstables(request, fleet, list(tasks.tasks.values()), 100, factor)
    if plan is not None:
        assert plan_problems(plan, request) == []
    return plan


def shape(plan: Plan | None) -> list[tuple[str, str, float, tuple[str, ...]]]:
    assert plan is not None
    return [(vm.id, vm.instance_type, vm.end, vm.task_ids) for vm in plan.vms]


def test_without_burstable_vms_a_sound_solution_is_the_plan() -> None:
    assert shape(allocate([50, 40], [[0], [1]], factor=0)) == [
        ("vm-0", "small", 50, ("0",)),
        ("vm-1", "small", 40, ("1",)),
    ]


def test_idle_burstable_vms_take_the_last_tasks_of_the_vms_that_end_last() -> None:
    """One burstable VM for four others; in baseline mode 20 s become 100."""
    queues = [[0, 1], [2], [3], [4]]
    assert shape(allocate([60, 20, 50, 40, 30], queues, factor=0.25)) == [
        ("vm-0", "small", 60, ("0",)),
        ("vm-1", "small", 50, ("2",)),
        ("vm-2", "small", 40, ("3",)),
        ("vm-3", "small", 30, ("4",)),
        ("vm-4", "burst", 100, ("1",)),
    ]


def test_they_leave_tasks_that_would_make_the_plan_longer_if_there_are_others() -> None:
    """In baseline mode the 60 s would become 300; the 10 s of the other VM become 50."""
    assert shape(allocate([60, 30, 10], [[0], [1, 2]], factor=0.5)) == [
        ("vm-0", "small", 60, ("0",)),
        ("vm-1", "small", 30, ("1",)),
        ("vm-2", "burst", 50, ("2",)),
    ]


def test_the_number_of_burstable_vms_is_rounded_up() -> None:
    plan = allocate([20] * 3, [[0], [1], [2]], factor=0.2)
    assert plan is not None
    assert [vm.cpu_share for vm in plan.vms] == [None, None, 0.2]


def test_a_vm_that_loses_its_only_task_is_not_launched() -> None:
    assert shape(allocate([20], [[0]], factor=1)) == [("vm-0", "burst", 100, ("0",))]


def test_tasks_that_violate_d_spot_move_to_one_burstable_vm_each() -> None:
    assert shape(allocate([60, 50, 45], [[0, 1, 2]], factor=0)) == [
        ("vm-0", "small", 60, ("0",)),
        ("vm-1", "burst", 250, ("1",)),
        ("vm-2", "burst", 225, ("2",)),
    ]


def test_where_no_new_burstable_vm_is_allowed_they_share_one() -> None:
    few = replace(BURST, limits={Market.ON_DEMAND: 1})
    assert shape(allocate([60, 50, 45], [[0, 1, 2]], factor=0, types=(SMALL, few))) == [
        ("vm-0", "small", 60, ("0",)),
        ("vm-1", "burst", 250, ("1", "2")),
    ]


def test_a_burstable_vm_that_is_too_slow_is_passed_over_for_an_on_demand_vm() -> None:
    """In baseline mode 50 s become 250, after the deadline."""
    plan = allocate([60, 50], [[0, 1]], factor=1, deadline=240)
    assert shape(plan) == [("vm-0", "small", 60, ("0",)), ("vm-1", "small", 50, ("1",))]
    assert plan is not None
    assert plan.vms[1].market is Market.ON_DEMAND


def test_without_any_place_there_is_no_plan() -> None:
    assert allocate([60, 50], [[0, 1]], factor=1, on_demand=0) is None


def test_more_burstable_vms_than_the_limits_allow_are_left_out() -> None:
    plan = allocate([20] * 3, [[0], [1], [2]], factor=1, on_demand=2)
    assert plan is not None
    assert [vm.instance_type for vm in plan.vms] == ["small", "burst", "burst"]


def test_a_type_without_a_baseline_is_not_used() -> None:
    assert BURST.burstable is not None
    none = replace(BURST, burstable=replace(BURST.burstable, baseline=0))
    plan = allocate([20], [[0]], factor=1, types=(SMALL, none))
    assert shape(plan) == [("vm-0", "small", 20, ("0",))]
