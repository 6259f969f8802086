"""A VM that is told to leave: nothing more begins there, and what it can't end goes elsewhere."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.control import CancelAttempt, Notice, NoticeKind, Observation, Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.notices import heed_notices
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import TaskState, VmState
from tests.support.fleets import MISSION, ledger, vm


def told(books: Ledger, seconds: float, elapsed: float) -> list[str]:
    """Tell vm-0 that it has so many seconds left; return the tasks that are taken from it."""
    orders = Orders(books, elapsed)
    notice = Notice(NoticeKind.TERMINATE, seconds)
    heed_notices(books, orders, Observation(notices={"vm-0": notice}), elapsed)
    cancelled = [one for one in orders.issued if isinstance(one, CancelAttempt)]
    assert all(one.reason is Reason.LEAVING for one in cancelled)
    return [one.task_id for one in cancelled]


def test_what_ends_in_time_is_left_and_what_does_not_waits_again() -> None:
    books = ledger(vm("vm-0", Market.SPOT, runs=["a"], ran=50))
    assert told(books, 60, 50) == [], "it ends at 100, the VM at 110"
    assert told(books, 40, 51) == ["a"]
    assert books.tasks["a"].state is TaskState.WAITING


def test_nothing_more_is_begun_there() -> None:
    books = ledger(vm("vm-0", Market.SPOT))
    assert "vm-0" in books.free
    told(books, 120, 50)
    assert "vm-0" not in books.free
    assert books.vms["vm-0"].leaves_at == 170


def test_a_repeated_notice_moves_nothing_and_a_shorter_one_does() -> None:
    books = ledger(vm("vm-0", Market.SPOT))
    told(books, 120, 50)
    told(books, 115, 55)
    assert books.vms["vm-0"].leaves_at == 170
    told(books, 30, 60)
    assert books.vms["vm-0"].leaves_at == 90


def test_a_task_whose_progress_is_kept_stays_and_is_saved() -> None:
    books = ledger(vm("vm-0", Market.SPOT, runs=["a"]), mission=replace(MISSION, keeps_progress=True))
    assert told(books, 30, 10) == []
    assert books.tasks["a"].state is TaskState.RUNNING


def test_a_vm_that_sleeps_or_has_ended_has_no_use_for_a_notice() -> None:
    for state in (VmState.HIBERNATED, VmState.TERMINATED):
        books = ledger(vm("vm-0", Market.SPOT, state=state))
        told(books, 120, 50)
        assert books.vms["vm-0"].leaves_at is None
