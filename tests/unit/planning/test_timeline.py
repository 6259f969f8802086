"""Where a task would be placed on a VM."""

from __future__ import annotations

import math
from random import Random

import pytest

from airflow_provider_hads.planning.timeline import Slot, Timeline, last_end


def filled(timeline: Timeline, *tasks: tuple[float, float]) -> list[Slot]:
    """Insert tasks (runtime, memory), each where it ends first."""
    slots = []
    for runtime, memory in tasks:
        slot = timeline.earliest(runtime, memory)
        assert slot is not None
        timeline.insert(slot, memory)
        slots.append(slot)
    return slots


def test_empty_cores_are_taken_in_order() -> None:
    slots = filled(Timeline(cores=3, memory=100), (10, 1), (20, 1), (5, 1))
    assert slots == [Slot(0, 0, 10), Slot(1, 0, 20), Slot(2, 0, 5)]


def test_the_core_that_is_free_first_is_next() -> None:
    timeline = Timeline(cores=2, memory=100)
    filled(timeline, (10, 1), (5, 1))
    assert timeline.earliest(3, 1) == Slot(1, 5, 8)


def test_the_lowest_of_equal_cores_wins() -> None:
    timeline = Timeline(cores=2, memory=100)
    filled(timeline, (5, 1), (5, 1))
    assert timeline.earliest(3, 1) == Slot(0, 5, 8)


def test_one_core_runs_one_task_at_a_time() -> None:
    assert filled(Timeline(cores=1, memory=100), (10, 1), (5, 1))[-1] == Slot(0, 10, 15)


def test_a_task_waits_for_memory_until_a_task_of_another_core_ends() -> None:
    timeline = Timeline(cores=3, memory=100)
    filled(timeline, (10, 60), (4, 30))
    assert timeline.earliest(5, 40) == Slot(1, 4, 9)
    assert timeline.earliest(5, 41) == Slot(0, 10, 15)


def test_no_gap_before_a_cores_last_task_is_filled() -> None:
    timeline = Timeline(cores=2, memory=100)
    timeline.insert(Slot(0, 50, 60), 10)
    timeline.insert(Slot(1, 0, 20), 10)
    assert timeline.earliest(5, 10) == Slot(1, 20, 25)


def test_tasks_that_start_within_the_span_count() -> None:
    """The published program overlooks a task that starts and ends within the new one's span."""
    timeline = Timeline(cores=2, memory=100)
    timeline.insert(Slot(0, 5, 10), 80)
    assert timeline.earliest(30, 50) == Slot(0, 10, 40)
    assert timeline.earliest(5, 50) == Slot(1, 0, 5)


def test_tasks_one_after_the_other_do_not_add_up() -> None:
    """The published program adds the largest of each core, though they never run together."""
    timeline = Timeline(cores=3, memory=100)
    timeline.insert(Slot(0, 0, 10), 70)
    timeline.insert(Slot(1, 10, 20), 70)
    assert timeline.earliest(20, 30) == Slot(2, 0, 20)


def test_a_task_larger_than_the_vm_has_no_place() -> None:
    assert Timeline(cores=2, memory=100).earliest(1, 101) is None


def test_a_task_as_large_as_the_vm_has_one() -> None:
    assert Timeline(cores=2, memory=100).earliest(1, 100) == Slot(0, 0, 1)


def test_sums_of_floats_fill_a_vm_exactly() -> None:
    slots = filled(Timeline(cores=10, memory=1.0), *[(5, 0.1)] * 10)
    assert {slot.start for slot in slots} == {0.0}


def test_a_place_that_ends_too_late_is_none() -> None:
    timeline = Timeline(cores=1, memory=100)
    filled(timeline, (10, 1))
    assert timeline.earliest(5, 1, latest_end=15) == Slot(0, 10, 15)
    assert timeline.earliest(5, 1, latest_end=14.9) is None


def test_a_place_that_memory_makes_too_late_is_none() -> None:
    timeline = Timeline(cores=2, memory=100)
    filled(timeline, (10, 60))
    assert timeline.earliest(5, 50, latest_end=14) is None


def test_it_knows_its_makespan_and_its_peak() -> None:
    timeline = Timeline(cores=2, memory=100)
    filled(timeline, (10, 60), (30, 40), (5, 10))
    assert (timeline.makespan, timeline.peak_memory) == (30, 100)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_the_last_end_is_that_of_the_timeline(cores: int) -> None:
    random = Random(cores)
    for _ in range(200):
        tasks = [(random.choice([5.0, 10.0, 30.0, 31.5]), random.uniform(1, 100)) for _ in range(12)]
        timeline = Timeline(cores, memory=100)
        filled(timeline, *tasks)
        assert last_end(cores, 100, tasks, math.inf) == timeline.makespan
        assert last_end(cores, 100, tasks, timeline.makespan) == timeline.makespan
        assert last_end(cores, 100, tasks, timeline.makespan - 1) == math.inf


def test_a_task_that_needs_more_memory_than_there_is_never_ends() -> None:
    assert last_end(2, 100, [(10, 50), (10, 101)], math.inf) == math.inf
