"""Calls in lanes: in turn within a lane, at once across lanes, whatever one of them does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from airflow_provider_hads.exceptions import CallOverdue
from airflow_provider_hads.runtime.lanes import Ended, Lanes


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes()
    yield made
    made.close()


def wait_for(lanes: Lanes, count: int) -> list[Ended]:
    """Return that many ended calls; a test that waits longer than five seconds has failed."""
    ended: list[Ended] = []
    until = time.monotonic() + 5
    while len(ended) < count and time.monotonic() < until:
        ended += lanes.collect()
        time.sleep(0.001)
    assert len(ended) == count
    return ended


def test_a_call_is_brought_back_once(lanes: Lanes) -> None:
    lanes.submit("vm/0", "look", lambda: 42)
    assert wait_for(lanes, 1) == [Ended("vm/0", "look", 42)]
    assert lanes.collect() == []


def test_calls_of_one_lane_run_in_their_order_and_never_at_once(lanes: Lanes) -> None:
    running: list[int] = []
    most: list[int] = []

    def call(number: int) -> Callable[[], int]:
        def run() -> int:
            running.append(number)
            most.append(len(running))
            time.sleep(0.002)
            running.remove(number)
            return number

        return run

    for number in range(20):
        lanes.submit("vm/0", str(number), call(number))
    assert [ended.value for ended in wait_for(lanes, 20)] == list(range(20))
    assert max(most) == 1


def test_however_many_lanes_hang_another_one_is_served(lanes: Lanes) -> None:
    release = Event()
    for number in range(200):
        lanes.submit(f"vm/{number}", "hangs", lambda: release.wait(5))
    lanes.submit("describe", "describe", lambda: "seen")
    assert wait_for(lanes, 1) == [Ended("describe", "describe", "seen")]
    release.set()
    wait_for(lanes, 200)


def test_a_lane_is_busy_until_its_last_call_has_been_handed_in(lanes: Lanes) -> None:
    release = Event()
    lanes.submit("vm/0", "first", lambda: release.wait(5))
    lanes.submit("vm/0", "second", lambda: None)
    assert lanes.busy("vm/0")
    assert not lanes.busy("vm/1")
    release.set()
    wait_for(lanes, 2)
    assert not lanes.busy("vm/0")


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3), asyncio.CancelledError()])
def test_whatever_a_call_raises_its_lane_goes_on(lanes: Lanes, error: BaseException) -> None:
    def fail() -> None:
        raise error

    lanes.submit("vm/0", "fails", fail)
    lanes.submit("vm/0", "works", lambda: "well")
    assert wait_for(lanes, 2) == [Ended("vm/0", "fails", error=error), Ended("vm/0", "works", "well")]


def test_after_the_close_what_waits_is_dropped_and_nothing_more_is_taken(lanes: Lanes) -> None:
    release = Event()
    begun = Event()

    def hang() -> None:
        begun.set()
        release.wait(5)

    lanes.submit("vm/0", "hangs", hang)
    lanes.submit("vm/0", "waits", lambda: None)
    assert begun.wait(5)
    lanes.close()
    lanes.submit("vm/1", "late", lambda: None)
    release.set()
    assert [ended.key for ended in wait_for(lanes, 1)] == ["hangs"]
    time.sleep(0.01)
    assert lanes.collect() == []


def test_a_call_that_is_overdue_counts_as_ended_and_its_lane_goes_on(lanes: Lanes) -> None:
    release = Event()
    lanes.submit("vm/0", "hangs", lambda: release.wait(5), timeout=0.05)
    lanes.submit("vm/0", "works", lambda: "well")

    overdue, after = wait_for(lanes, 2)

    assert (overdue.key, type(overdue.error)) == ("hangs", CallOverdue)
    assert str(overdue.error) == "no end in 0.05 s; it may still be carried out"
    assert after == Ended("vm/0", "works", "well")
    release.set()
    time.sleep(0.05)
    assert lanes.collect() == [], "what ends later is not heard of"


def test_a_lane_is_free_when_its_only_call_is_overdue(lanes: Lanes) -> None:
    release = Event()
    lanes.submit("vm/0", "hangs", lambda: release.wait(5), timeout=0.05)
    wait_for(lanes, 1)

    assert not lanes.busy("vm/0")
    lanes.submit("vm/0", "works", lambda: "well")
    assert wait_for(lanes, 1) == [Ended("vm/0", "works", "well")]
    release.set()


def test_the_time_of_a_call_begins_with_it_and_not_while_it_waits(lanes: Lanes) -> None:
    lanes.submit("vm/0", "long", lambda: time.sleep(0.3), timeout=5)
    lanes.submit("vm/0", "short", lambda: "well", timeout=0.2)
    assert wait_for(lanes, 2)[1] == Ended("vm/0", "short", "well")


def test_a_call_that_hangs_does_not_keep_the_process_alive() -> None:
    program = """
        import time
        from airflow_provider_hads.runtime.lanes import Lanes
        lanes = Lanes()
        lanes.submit("vm/0", "hangs", lambda: time.sleep(60))
        lanes.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=20)


def test_a_lane_can_be_waited_for_but_not_for_ever(lanes: Lanes) -> None:
    release = Event()
    assert lanes.wait("vm/0", 0.0), "nothing runs there"
    lanes.submit("vm/0", "a", lambda: release.wait(5))
    assert not lanes.wait("vm/0", 0.05)
    release.set()
    assert lanes.wait("vm/0", 5.0)


class Watch:
    """A clock that a test sets, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def with_one_that_waits(lanes: Lanes) -> tuple[Event, list[str]]:
    """Give a lane two calls; return what releases the first, and where the second notes that it was begun."""
    begun, release, done = Event(), Event(), list[str]()

    def first() -> bool:
        begun.set()
        return release.wait(5)

    lanes.submit("vm/0", "first", first)
    lanes.submit("vm/0", "second", lambda: done.append("second"))
    assert begun.wait(5)
    return release, done


def rest() -> None:
    """Wait until no lane has a thread."""
    until = time.monotonic() + 5
    while any(thread.name == "hads vm/0" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.001)


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture
def patient(clock: Watch) -> Iterator[Lanes]:
    """Lanes in which nothing is begun 30 s after they were collected from."""
    made = Lanes(clock=clock, patience=30)
    made.collect()
    yield made
    made.close()


def test_what_waits_while_nobody_collects_for_long_goes_on_when_somebody_does(
    patient: Lanes, clock: Watch
) -> None:
    release, done = with_one_that_waits(patient)
    clock.now = 31
    release.set()
    rest()
    assert done == []
    assert patient.busy("vm/0")
    assert patient.wait("vm/0", 0), "nothing runs there"
    assert [ended.key for ended in wait_for(patient, 2)] == ["first", "second"]
    assert done == ["second"]


def test_what_is_asked_for_after_so_long_is_held_too(patient: Lanes, clock: Watch) -> None:
    clock.now = 31
    patient.submit("vm/0", "look", lambda: 42)
    rest()
    assert patient.busy("vm/0")
    assert wait_for(patient, 1) == [Ended("vm/0", "look", 42)]


def test_what_is_held_is_never_begun_after_a_close(patient: Lanes, clock: Watch) -> None:
    release, done = with_one_that_waits(patient)
    clock.now = 31
    assert not patient.wait("vm/0", 0.01), "the first still runs"
    release.set()
    rest()
    patient.close()
    assert [ended.key for ended in patient.collect()] == ["first"]
    rest()
    assert done == []


def test_before_the_first_collect_nobody_has_to_be_in_time(clock: Watch) -> None:
    lanes = Lanes(clock=clock, patience=30)
    clock.now = 100
    lanes.submit("vm/0", "look", lambda: 42)
    rest()
    assert lanes.collect() == [Ended("vm/0", "look", 42)]
