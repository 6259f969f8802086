"""When VMs end, and what a trial changes."""

from __future__ import annotations

import math
from random import Random

import pytest

from airflow_provider_hads.model import Job, Market, Task
from airflow_provider_hads.planning import PlanRequest, get_planner
from airflow_provider_hads.planning.ils.fleet import Kind, SearchFleet, Trial
from tests.support.planning_examples import environment, instance_type, job

TWO_CORES = instance_type()


def kind(runtimes: list[float], memory: float = 100) -> Kind:
    """Return a spot VM's kind, two cores and 4000 MB, for tasks 0, 1, 2, ..."""
    tasks = job(runtimes, memory)
    request = PlanRequest(tasks, environment(TWO_CORES), deadline=1000)
    return Kind(request, TWO_CORES, Market.SPOT, list(tasks.tasks.values()))


def test_each_task_goes_where_it_ends_first() -> None:
    assert kind([30, 10, 10, 40]).end([0, 1, 2, 3]) == 60
    assert kind([30, 10, 10, 40]).end([1, 3]) == 40
    assert kind([30, 10]).end([]) == 0


def test_equal_tasks_end_in_rounds() -> None:
    assert [kind([100] * 5).end(list(range(count))) for count in range(6)] == [0, 100, 100, 200, 200, 300]
    assert kind([100] * 5).bound(range(5), 500) == 300


def test_memory_is_waited_for() -> None:
    """Two tasks of 2500 MB do not fit into 4000 MB at once."""
    assert kind([30, 20], memory=2500).end([0, 1]) == 50


def test_a_task_without_an_estimate_or_room_never_ends() -> None:
    tasks = [Task("a", "x", 100, {}), Task("b", "x", 5000, {"small": 10})]
    request = PlanRequest(Job("7", "", {task.id: task for task in tasks}), environment(TWO_CORES), 1000)
    there = Kind(request, TWO_CORES, Market.SPOT, tasks)
    assert (there.end([0]), there.end([1])) == (math.inf, math.inf)
    assert there.bound([0], there.load([0])) == math.inf


@pytest.mark.parametrize("memory", [100, 1900, 3900])
def test_a_bound_is_never_after_the_end(memory: float) -> None:
    random = Random(memory)
    there = kind([random.choice([10, 25, 90]) for _ in range(20)], memory)
    for _ in range(200):
        queue = sorted(random.sample(range(20), random.randint(0, 20)))
        assert there.bound(queue, there.load(queue)) <= there.end(queue) + 1e-9


def two_vms() -> SearchFleet:
    """Return VMs with tasks 0, 1, 2 and 3, 4, of 10, 20, 30, 40 and 50 s."""
    there = kind([10, 20, 30, 40, 50])
    return SearchFleet([there, there], [[0, 1, 2], [3, 4]])


def test_a_trial_leaves_the_fleet_alone_until_it_is_accepted() -> None:
    fleet = two_vms()
    trial = Trial(fleet)
    trial.move(2, 1)
    while (vm := trial.next_unsettled()) is not None:
        trial.settle(vm, math.inf)
    assert (fleet.ends, fleet.queues, fleet.owners[2]) == ([40, 50], [[0, 1, 2], [3, 4]], 0)
    trial.accept()
    assert (fleet.ends, fleet.queues, fleet.owners[2]) == ([20, 80], [[0, 1], [2, 3, 4]], 1)


def test_a_task_can_move_twice() -> None:
    fleet = two_vms()
    trial = Trial(fleet)
    trial.move(2, 1)
    trial.move(2, 0)
    while (vm := trial.next_unsettled()) is not None:
        trial.settle(vm, math.inf)
    trial.accept()
    assert (fleet.ends, fleet.queues) == ([40, 50], [[0, 1, 2], [3, 4]])


def test_a_copy_does_not_follow() -> None:
    fleet = two_vms()
    before = fleet.copy()
    trial = Trial(fleet)
    trial.move(2, 1)
    trial.accept()
    assert (before.queues, before.owners) == ([[0, 1, 2], [3, 4]], [0, 0, 0, 1, 1])


def test_idle_vms_are_dropped() -> None:
    there = kind([10, 20])
    fleet = SearchFleet([there, there, there], [[0], [], [1]])
    fleet.drop_idle()
    assert (fleet.queues, fleet.ends, fleet.owners) == ([[0], [1]], [10, 20], [0, 1])


def test_the_greedys_plan_as_a_fleet_ends_as_planned() -> None:
    request = PlanRequest(job([60, 50, 40, 30, 20, 10]), environment(), deadline=150)
    plan = get_planner("cc")(request)
    fleet = SearchFleet.of_plan(request, plan, list(request.job.tasks.values()))
    assert fleet.ends == [vm.end for vm in plan.vms]
