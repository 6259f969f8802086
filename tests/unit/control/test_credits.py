"""CPU credits: earned awake, spent by what runs, kept for what runs at full speed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.credits import (
    LONGEST_HOARD,
    balance,
    credits_for,
    free_credits,
    settle_credits,
    take_credits,
)
from airflow_provider_hads.control.observation import CreditBalance
from airflow_provider_hads.model.run_state import VmState
from tests.support.fleets import BURST, ledger, vm

IDLE = vm("vm-1", kind=BURST, has_credits=2)


def test_an_idle_vm_earns_its_rate() -> None:
    books = ledger(IDLE)
    assert balance(books, books.vms["vm-1"], 3600) == pytest.approx(2 + 24)


def test_what_runs_in_baseline_mode_spends_its_share() -> None:
    books = ledger(vm("vm-1", kind=BURST, runs=["a"], has_credits=5, ran=0))
    assert balance(books, books.vms["vm-1"], 60) == pytest.approx(5 + 24 / 60 - 0.2)


def test_no_more_than_a_days_earnings_are_kept_and_never_less_than_none() -> None:
    books = ledger(IDLE, vm("vm-2", kind=BURST, runs=["a", "b"], ran=0))
    assert balance(books, books.vms["vm-1"], 10 * 86400) == LONGEST_HOARD * 24
    assert balance(books, books.vms["vm-2"], 60) == 0


def test_a_vm_that_sleeps_earns_nothing() -> None:
    books = ledger(IDLE)
    awake = books.vms["vm-1"]
    books.put_vm(replace(awake, state=VmState.STOPPED))
    settle_credits(books, awake, 1800)
    assert balance(books, books.vms["vm-1"], 7200) == pytest.approx(2 + 12)


def test_the_clouds_word_counts() -> None:
    books = ledger(IDLE)
    take_credits(books, "vm-1", CreditBalance(7.5), 100)
    assert balance(books, books.vms["vm-1"], 100) == 7.5


def test_what_was_earned_and_spent_since_the_clouds_count_is_reckoned() -> None:
    books = ledger(vm("vm-1", kind=BURST, runs=["a"], has_credits=0, ran=0))
    take_credits(books, "vm-1", CreditBalance(5, age=60), 600)
    assert balance(books, books.vms["vm-1"], 600) == pytest.approx(5 + 24 / 60 - 0.2)


def test_a_count_of_before_the_vms_last_change_tells_nothing_any_more() -> None:
    books = ledger(IDLE)
    take_credits(books, "vm-1", CreditBalance(5), 300)
    take_credits(books, "vm-1", CreditBalance(9, age=60), 320)
    assert balance(books, books.vms["vm-1"], 300) == 5


def test_what_runs_at_full_speed_has_its_credits_kept() -> None:
    books = ledger(vm("vm-1", kind=BURST, runs=["a"], has_credits=10, ran=0))
    task = books.tasks["a"]
    books.put_task(replace(task, attempts=(replace(task.attempts[0], burst=True),)))
    record = books.vms["vm-1"]
    assert credits_for(books, record, "b") == pytest.approx(100 / 60)
    assert free_credits(books, record, 30) == pytest.approx(balance(books, record, 30) - 70 / 60)


def test_they_are_released_when_it_ends() -> None:
    books = ledger(vm("vm-1", kind=BURST, has_credits=10))
    assert free_credits(books, books.vms["vm-1"], 0) == 10
