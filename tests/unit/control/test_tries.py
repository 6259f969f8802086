"""What hundreds of attempts come to is reckoned up once, not for each question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control import remaining
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.miss import earliest_end
from airflow_provider_hads.control.pace import Pace
from airflow_provider_hads.control.remaining import longest_run, tries_of
from airflow_provider_hads.model.run_state import Attempt
from airflow_provider_hads.model.runner import AttemptState
from tests.support.fleets import MISSION, ledger, vm

MANY = 300


def books_of_many() -> Ledger:
    """Return the books of a run of which task ``a`` was begun 300 times, and runs since 10 s.

    Nothing is known of the estimates yet, so that it matters for how long tasks have run.
    """
    books = ledger(vm("vm-0", runs=["a"]), mission=replace(MISSION, keeps_progress=True))
    books.pace = Pace()
    task = books.tasks["a"]
    ended = (
        Attempt(f"a.x{number}", "vm-0", AttemptState.CANCELLED, started_at=0.0, ended_at=9.0, ran=number / 10)
        for number in range(MANY)
    )
    books.put_task(replace(task, attempts=(*ended, *task.attempts)))
    return books


def test_the_longest_run_is_that_of_any_attempt() -> None:
    books = books_of_many()
    assert longest_run(books, "a", 10.0) == pytest.approx((MANY - 1) / 10 / 100)
    assert longest_run(books, "a", 60.0) == pytest.approx(0.6)


def test_attempts_are_reckoned_up_anew_when_one_has_changed() -> None:
    books = books_of_many()
    known = tries_of(books, "a")
    assert tries_of(books, "a") is known
    assert [one.vm_id for one in known.alive] == ["vm-0"]
    *ended, last = books.tasks["a"].attempts
    lost = replace(last, state=AttemptState.CANCELLED, ran=50.0)
    books.put_task(replace(books.tasks["a"], attempts=(*ended, lost)))
    assert tries_of(books, "a").alive == ()
    assert longest_run(books, "a", 60.0) == pytest.approx(0.5)


def test_a_look_for_a_miss_does_not_go_through_all_attempts_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """It did: a long task whose spot VMs come and go took minutes to simulate."""
    books, looks = books_of_many(), 0

    def counted(ledger: Ledger, task_id: str, elapsed: float) -> float:
        nonlocal looks
        looks += 1
        return longest_run(ledger, task_id, elapsed)

    monkeypatch.setattr(remaining, "longest_run", counted)
    earliest_end(books, 20.0)
    assert looks < 5
