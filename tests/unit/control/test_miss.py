"""A miss is said when it is certain, and not before."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.miss import earliest_end, look_for_miss
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import VmState
from tests.support.fleets import ledger, vm


def test_what_runs_ends_when_it_is_done_and_what_waits_needs_a_boot_first() -> None:
    runs = ledger(vm("vm-0", runs=["a"], ran=40))
    assert earliest_end(runs, 40)[0] == pytest.approx(100)
    waits = ledger(vm("vm-0", state=VmState.TERMINATED, waiting=["a"]))
    assert earliest_end(waits, 40)[0] == pytest.approx(40 + 60 + 100)


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


def test_a_frozen_task_may_come_back_at_once() -> None:
    books = ledger(vm("vm-0", Market.SPOT, state=VmState.HIBERNATED, runs=["a"], ran=90), deadline=500)
    assert look_for_miss(books, 485) == 490
    assert look_for_miss(books, 495) is None
