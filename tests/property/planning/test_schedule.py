"""What runs when on one VM: the end that the search goes by is that of the places in the plan."""

from __future__ import annotations

import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.planning.packing.schedule import end_and_moment_of, end_of, placements_of
from airflow_provider_hads.planning.packing.uses import uses_of

ROOM = 1000.0


@st.composite
def jobs(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Seconds and MB of some tasks."""
    count = draw(st.integers(0, 12))
    times = st.lists(st.sampled_from([10.0, 25.0, 40.0, 101.5]), min_size=count, max_size=count)
    memory = st.lists(st.floats(1, ROOM), min_size=count, max_size=count)
    return draw(times), draw(memory)


@given(jobs(), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_end_is_that_of_the_places(job: tuple[list[float], list[float]], slots: int, rng: Random) -> None:
    times, memory = job
    order = list(range(len(times)))
    rng.shuffle(order)
    end = end_of(order, times, memory, slots, ROOM)
    places = placements_of(order, times, memory, slots, ROOM, [str(task) for task in range(len(times))])
    assert sorted(place.task_id for place in places) == sorted(str(task) for task in order)
    assert end == max((place.end for place in places), default=0.0)


@given(jobs(), st.integers(1, 6), st.floats(0, 500))
def test_no_later_end_is_told(job: tuple[list[float], list[float]], slots: int, latest: float) -> None:
    times, memory = job
    order = range(len(times))
    end = end_of(order, times, memory, slots, ROOM)
    assert end_of(order, times, memory, slots, ROOM, latest) == (end if end <= latest else math.inf)


@given(jobs(), st.integers(1, 6))
def test_no_vm_ends_before_its_tasks_have_used_what_they_need(
    job: tuple[list[float], list[float]], slots: int
) -> None:
    times, memory = job
    end = end_of(range(len(times)), times, memory, slots, ROOM)
    for use in list(zip(*uses_of(times, memory, slots, ROOM, rate=1.0), strict=True))[:3]:
        assert sum(use) <= end * (1 + 1e-6)


@given(jobs(), st.integers(1, 6))
def test_the_moment_is_that_of_the_places(job: tuple[list[float], list[float]], slots: int) -> None:
    times, memory = job
    order = range(len(times))
    end, moment = end_and_moment_of(order, times, memory, slots, ROOM)
    places = placements_of(order, times, memory, slots, ROOM, [str(task) for task in order])
    turned = [
        ((place.end**2 - place.start**2) / 2, memory[int(place.task_id)] / ROOM, 1 / slots)
        for place in places
    ]
    expected = max(sum(one * share for one, share, _ in turned), sum(one * core for one, _, core in turned))
    assert math.isclose(moment, expected, rel_tol=1e-9)
    assert moment <= end**2 / 2 * (1 + 1e-6)
