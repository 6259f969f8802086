"""A miss is said when it is certain, and not before."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.miss import earliest_end, look_for_miss
from airflow_provider_hads.model import Environment, Market
from airflow_provider_hads.model.run_state import VmState
from tests.support.fleets import MISSION, SMALL, ledger, vm

FOUR = dict.fromkeys(Market, 4)


def test_what_runs_ends_when_it_is_done_and_what_waits_needs_a_boot_first() -> None:
    runs = ledger(vm("vm-0", runs=["a"], ran=40))
    assert earliest_end(runs, 40)[0] == pytest.approx(100)
    waits = ledger(vm("vm-0", state=VmState.TERMINATED, waiting=["a"]))
    assert earliest_end(waits, 40)[0] == pytest.approx(40 + 60 + 100)


def test_what_has_run_longer_than_it_should_may_end_at_any_moment() -> None:
    late = ledger(vm("vm-0", runs=["a"], ran=150), deadline=151)
    assert earliest_end(late, 150)[0] == pytest.approx(150)
    look_for_miss(late, 150)
    assert late.miss is None


def test_as_long_as_it_could_be_met_there_is_no_miss() -> None:
    books = ledger(vm("vm-0", state=VmState.TERMINATED, waiting=["a"]), deadline=500)
    assert look_for_miss(books, 300) == 500 - 60 - 100, "when it could be certain"
    assert books.miss is None
    assert look_for_miss(books, 340) == 341, "exactly in time: time itself has to pass"
    assert books.miss is None


def test_it_is_said_once_with_the_task_that_can_not_be_in_time() -> None:
    books = ledger(vm("vm-0", state=VmState.TERMINATED, waiting=["a"]), deadline=500)
    assert look_for_miss(books, 345) is None
    assert books.deadline_missed
    assert books.miss is not None
    assert (books.miss.at, books.miss.end) == (345, 505)
    assert "task a can't end before 505 s" in books.miss.reason
    said = books.miss
    look_for_miss(books, 400)
    assert books.miss is said


WAIT = vm("vm-0", state=VmState.TERMINATED, waiting="abcdef")


def waits(**changes: Any) -> Ledger:
    """Return the books of a run of six tasks of 100 s that wait, with other terms than usual."""
    return ledger(WAIT, mission=replace(MISSION, **changes))


def test_new_vms_do_nothing_before_they_have_booted() -> None:
    few = Environment({"small": replace(SMALL, limits={Market.SPOT: 0, Market.ON_DEMAND: 1})}, FOUR)
    assert earliest_end(waits(environment=few), 40)[0] == 40 + 60 + 6 * 100 / 2


def test_the_vcpu_limit_and_the_memory_say_how_many_run_at_once() -> None:
    assert earliest_end(waits(), 0)[0] == 60 + 100
    assert earliest_end(waits(vcpu_limit=2), 0)[0] == 60 + 6 * 100 / 2
    assert earliest_end(waits(vcpu_limit=3, parallel=False), 0)[0] == 60 + 6 * 100
    large = {name: replace(task, memory=3000.0) for name, task in MISSION.job.tasks.items()}
    few = Environment({"small": replace(SMALL, limits={Market.SPOT: 1, Market.ON_DEMAND: 1})}, FOUR)
    assert earliest_end(waits(job=replace(MISSION.job, tasks=large), environment=few), 0)[0] == 60 + 300


def test_no_vm_that_is_too_small_or_has_too_many_vcpus_could_run_a_task() -> None:
    huge = {name: replace(task, memory=5000.0) for name, task in MISSION.job.tasks.items()}
    assert earliest_end(waits(job=replace(MISSION.job, tasks=huge)), 0)[0] == math.inf
    assert earliest_end(waits(vcpu_limit=1), 0)[0] == math.inf


def test_vms_beyond_the_limits_count_as_long_as_they_are_there() -> None:
    two = [vm(name, runs=work, ran=0) for name, work in (("vm-0", "ab"), ("vm-1", "cd"))]
    adopted = ledger(*two, mission=replace(MISSION, vcpu_limit=2))
    assert earliest_end(adopted, 0)[0] == 100


def test_a_frozen_task_may_come_back_at_once() -> None:
    books = ledger(vm("vm-0", Market.SPOT, state=VmState.HIBERNATED, runs=["a"], ran=90), deadline=500)
    assert look_for_miss(books, 485) == 490
    assert look_for_miss(books, 495) is None
