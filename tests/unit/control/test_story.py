"""What a user reads in the log of ``supervise``."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.control import Observation
from airflow_provider_hads.control.story import tell
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import Attempt, TaskRecord, TaskState
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import (
    NOTHING,
    attempt,
    done,
    heard,
    instance,
    play,
    run_state,
    shown,
    silent,
)

READY = [(1.0, shown(instance())), (9.0, heard())]


def told(*steps: tuple[float, Observation]) -> list[str]:
    """Return what the last step has to tell."""
    before, _ = play(run_state({"vm-0": ["a"]}), steps[:-1])
    after, _ = play(before, steps[-1:])
    return list(tell(before, after, steps[-1][0]))


def test_a_vm_comes_up() -> None:
    assert told(READY[0]) == ["[   1.0 s] vm-0 (small, spot) is i-vm-0"]
    assert told(*READY) == ["[   9.0 s] vm-0 (small, spot) answers"]
    assert told(*READY, (10, heard())) == []


def test_a_vm_that_boots_is_expected_to_be_silent() -> None:
    assert told(READY[0], (5, silent())) == []


def test_a_vm_that_worked_and_falls_silent_is_told_of_once() -> None:
    first, again = (20.0, silent(reason="timed out")), (25.0, silent(reason="no route to host"))
    assert told(*READY, first) == ["[  20.0 s] vm-0 (small, spot) does not answer: timed out"]
    assert told(*READY, first, again) == []
    assert told(*READY, first, again, (30, heard())) == ["[  30.0 s] vm-0 (small, spot) answers again"]


def test_a_vm_ends_with_a_reason() -> None:
    gone = shown(instance(state=InstanceState.TERMINATED, reason="Server.SpotInstanceTermination"))
    assert told(*READY, (20, gone)) == [
        "[  20.0 s] vm-0 (small, spot) is terminated: Server.SpotInstanceTermination",
        "[  20.0 s] Task a failed: vm-0 has ended: Server.SpotInstanceTermination",
    ]


def test_a_task_starts_ends_and_is_published() -> None:
    starts = (10.0, heard("vm-0", attempt("a", AttemptState.RUNNING)))
    ends = (20.0, heard("vm-0", attempt("a", AttemptState.FINISHED, ran=9.5)))
    assert told(*READY, starts) == ["[  10.0 s] Task a started on vm-0"]
    assert told(*READY, starts, ends) == ["[  20.0 s] Task a ended on vm-0 with exit code 0 after 9.5 s"]
    assert told(*READY, starts, ends, (21, done("publish/a"))) == ["[  21.0 s] Task a: results published"]


def test_a_task_that_could_not_be_started_is_not_told_to_have_started() -> None:
    assert told(*READY, (10, heard("vm-0", attempt("a", AttemptState.FAILED, error="no image")))) == [
        "[  10.0 s] Task a failed: could not be run on vm-0: no image"
    ]


def test_an_attempt_that_fails_and_is_followed_by_another_is_told_with_its_reason() -> None:
    before = run_state({"vm-0": ["a"]})
    failed = TaskRecord(
        "a", TaskState.WAITING, (Attempt("a.1", "vm-0", AttemptState.FAILED, error="no upload"),)
    )
    after = replace(before, tasks={"a": failed})
    sentence = "[  10.0 s] Task a could not be run on vm-0, it is tried again: no upload"

    assert list(tell(before, after, 10.0)) == [sentence]
    assert list(tell(after, after, 11.0)) == []


def test_a_missed_deadline_is_told_once() -> None:
    assert told(*READY, (1001, NOTHING)) == [
        "[1001.0 s] The deadline of 1000 s is missed: 1 tasks are not done; going on"
    ]
    assert told(*READY, (1001, NOTHING), (1002, NOTHING)) == []


def test_a_notice_is_told_once_and_is_no_silence() -> None:
    before, _ = play(run_state({"vm-0": ["a"]}), READY)
    reason = "has notice: stop in 30 s"
    warned = replace(before, vms={"vm-0": replace(before.vms["vm-0"], leaves_at=40.0, reason=reason)})
    heard_again = replace(warned, vms={"vm-0": replace(warned.vms["vm-0"], reason="")})

    assert list(tell(before, warned, 10)) == ["[  10.0 s] vm-0 (small, spot) has notice: stop in 30 s"]
    assert list(tell(warned, heard_again, 11)) == []
    assert list(tell(heard_again, warned, 12)) == []
