"""Decisions are in the bucket before the state lets go of them, whoever is killed, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest

from airflow_provider_hads.control import Reason, TerminateVm
from airflow_provider_hads.control.decisions import MOST_DECISIONS, all_decisions, with_decisions
from airflow_provider_hads.control.snapshot import decision_document, snapshot
from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.model.run_state import Decision, RunState
from airflow_provider_hads.runtime import decision_archive
from airflow_provider_hads.runtime.decision_archive import DecisionArchive
from airflow_provider_hads.storage.decisions import KeptDecisions
from airflow_provider_hads.storage.layout import RunLayout
from tests.support.control_examples import run_state
from tests.support.memory_bucket import MemoryBucket


class Run:
    """A run that decides, and what is kept of it.

    :param wait: for the end of each write, so that nothing depends on how quick it is.
    """

    def __init__(self, *, wait: bool = True) -> None:
        self.kept = KeptDecisions(MemoryBucket(), RunLayout("7_0"), generation=0)
        self.state: RunState = run_state({"vm-0": ["a"]})
        self.archive = DecisionArchive(self.write)
        self.failing = False
        self.written: list[int] = []
        self._wait = wait

    def write(self, first: int, decisions: Sequence[Decision]) -> None:
        if self.failing:
            raise StorageError("Bucket bucket: could not write it")
        self.written.append(first)
        self.kept.write(first, [decision_document(one) for one in decisions])

    def decide(self, count: int, at_once: int = 1) -> None:
        """Decide, and tell the archive of each state, as it is saved."""
        for _ in range(count):
            number = sum(self.state.decided.values())
            self.state = with_decisions(self.state, [TerminateVm("vm-0", Reason.VM_IDLE)] * at_once, number)
            self.archive.keep(self.state)
            if self._wait:
                assert self.archive._lanes.wait("decisions", 5)

    def succeed(self) -> None:
        """Kill the controller, and let another one begin with the state that was saved."""
        self.archive = DecisionArchive(self.write)
        self.archive.keep(self.state)

    def told(self) -> list[Any]:
        """Return when each decision that the report tells of was made."""
        return [one["at"] for one in all_decisions(self.kept.read(), snapshot(self.state))]


def test_a_short_run_writes_nothing() -> None:
    run = Run()
    run.decide(99)
    run.archive.close()
    assert run.written == []
    assert run.told() == [*range(99)]


def test_the_report_tells_every_decision_of_a_long_run_once() -> None:
    run = Run()
    run.decide(MOST_DECISIONS * 3 + 17)
    run.archive.close()
    assert run.told() == [*range(MOST_DECISIONS * 3 + 17)]
    assert run.written == [*range(0, 900, 100)]


@pytest.mark.parametrize("killed_at", [1, 99, 100, 101, 299, 300, 350, 450])
def test_nothing_is_lost_nor_told_twice_when_the_controller_is_killed(killed_at: int) -> None:
    run = Run()
    run.decide(killed_at)
    run.succeed()
    run.decide(500)
    run.archive.close()
    assert run.told() == [*range(killed_at + 500)]


def test_nor_where_it_is_killed_before_it_has_written_what_it_had_to() -> None:
    run = Run()
    run.failing = True
    run.decide(MOST_DECISIONS)
    run.failing = False
    run.succeed()
    run.decide(200)
    run.archive.close()
    assert run.told() == [*range(MOST_DECISIONS + 200)]


def test_many_decisions_at_once_are_all_kept() -> None:
    run = Run()
    run.decide(150)
    run.decide(1, at_once=1000)
    run.succeed()
    run.decide(350)
    run.archive.close()
    assert run.told() == [*range(150), *[150] * 1000, *range(1150, 1500)]


def test_a_bucket_that_fails_is_told_of_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run()
    run.failing = True
    with caplog.at_level(logging.WARNING):
        run.decide(MOST_DECISIONS * 2)
    assert len(caplog.records) == 1
    assert "Decisions could not be kept for the report, it is tried again: Bucket bucket" in caplog.text
    run.failing = False
    run.decide(1)
    assert run.written == [], "it was tried again at once"

    monkeypatch.setattr(run.archive, "_not_before", 0.0)
    run.decide(1)
    run.archive.close()
    assert run.told() == [*range(MOST_DECISIONS * 2 + 2)]


def test_a_bucket_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_archive, "LAST_WAIT", 0.1)

    def hang(*_: object) -> None:
        Event().wait(30)

    run = Run(wait=False)
    run.archive = DecisionArchive(hang)
    run.decide(MOST_DECISIONS)
    run.archive.close()
    assert run.told() == [*range(MOST_DECISIONS)]
