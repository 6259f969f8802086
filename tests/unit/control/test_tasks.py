"""A task's way to its end, by what runners report and actions come to."""

from __future__ import annotations

from airflow_provider_hads.control import Observation
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import TaskRecord, TaskState
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import (
    NOTHING,
    RESULT,
    attempt,
    done,
    heard,
    instance,
    play,
    run_state,
    shown,
    silent,
    status,
)

LAUNCHED = (1.0, shown(instance()))
TERMINATED = shown(instance(state=InstanceState.TERMINATED, reason="Server.InternalError"))


def task(*steps: tuple[float, Observation]) -> TaskRecord:
    """Return the one task's record after some steps on one VM."""
    state, _ = play(run_state({"vm-0": ["a"]}), [LAUNCHED, *steps])
    return state.tasks["a"]


def test_a_task_follows_its_attempt() -> None:
    states = [
        task((10, heard("vm-0", attempt("a", reported)))).state
        for reported in (AttemptState.QUEUED, AttemptState.STAGING, AttemptState.RUNNING)
    ]
    assert states == [TaskState.STAGED, TaskState.RUNNING, TaskState.RUNNING]


def test_it_has_finished_only_when_its_results_are_published() -> None:
    finished = (10.0, heard("vm-0", attempt("a", AttemptState.FINISHED, ran=8)))
    assert task(finished).state is TaskState.RUNNING
    assert task(finished, (11, done("publish/a"))).state is TaskState.FINISHED


def test_files_are_remembered_until_they_are_published_and_no_longer() -> None:
    """The state document is written at every step, and the manifest has them by then."""
    finished = (10.0, heard("vm-0", attempt("a", AttemptState.FINISHED)))
    assert task(finished).attempts[0].files == (RESULT,)
    published = task(finished, (11, done("publish/a")), (12, finished[1]))
    assert published.attempts[0].files == ()


def test_while_results_cannot_be_published_the_task_says_why() -> None:
    record = task(
        (10, heard("vm-0", attempt("a", AttemptState.FINISHED))),
        (11, done("publish/a", error="the bucket is gone")),
    )
    assert record.state is TaskState.RUNNING
    assert record.reason == "its results are not published yet: the bucket is gone"


def test_an_exit_code_is_the_tasks_own_failure() -> None:
    record = task((10, heard("vm-0", attempt("a", AttemptState.FAILED, exit_code=3, ran=2))))
    assert (record.state, record.reason) == (TaskState.FAILED, "exit code 3 on vm-0")
    assert not record.infrastructure
    told = attempt("a", AttemptState.FAILED, exit_code=137, ran=2, error="exit code 137: out of memory")
    reason = task((10, heard("vm-0", told))).reason
    assert "exit code 137: out of memory" in reason
    assert "vm-0" in reason


def test_an_attempt_that_never_ran_is_not_the_tasks_fault() -> None:
    record = task((10, heard("vm-0", attempt("a", AttemptState.FAILED, error="no image"))))
    assert (record.state, record.reason) == (TaskState.FAILED, "could not be run on vm-0: no image")
    assert record.infrastructure
    assert record.attempts[0].started_at is None


def test_results_that_could_not_be_uploaded_are_not_the_tasks_fault() -> None:
    uploading = attempt("a", AttemptState.FAILED, exit_code=0, ran=9, error="the bucket refuses")
    assert task((10, heard("vm-0", uploading))).infrastructure


def test_the_record_says_when_an_attempt_was_first_seen_running_and_when_it_ended() -> None:
    record = task(
        (10, heard("vm-0", attempt("a", AttemptState.QUEUED))),
        (20, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=1))),
        (25, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=6))),
        (30, heard("vm-0", attempt("a", AttemptState.FINISHED, ran=9.5))),
        (35, heard("vm-0", attempt("a", AttemptState.FINISHED, ran=9.5))),
    )
    only = record.attempts[0]
    assert (only.started_at, only.ended_at, only.ran, only.exit_code) == (20, 30, 9.5, 0)


def test_an_attempt_of_a_predecessor_is_adopted() -> None:
    """The controller was killed between telling a VM and writing it down."""
    record = task((10, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=4, number=2))))
    assert [(one.id, one.vm_id) for one in record.attempts] == [("a.2", "vm-0")]
    assert record.state is TaskState.RUNNING


def test_an_attempt_of_an_unknown_task_is_nobodys_business() -> None:
    state, _ = play(
        run_state({"vm-0": ["a"]}), [LAUNCHED, (10, heard("vm-0", attempt("z", AttemptState.RUNNING)))]
    )
    assert list(state.tasks) == ["a"]


def test_the_tasks_of_a_vm_that_has_ended_fail() -> None:
    record = task((10, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=4))), (20, TERMINATED))
    assert (record.state, record.reason) == (TaskState.FAILED, "vm-0 has ended: Server.InternalError")
    assert record.infrastructure
    interrupted = record.attempts[0]
    assert (interrupted.state, interrupted.ended_at) == (AttemptState.CANCELLED, 20)
    assert interrupted.error == "interrupted: Server.InternalError"


def test_results_in_the_bucket_outlive_their_vm() -> None:
    finished = (10.0, heard("vm-0", attempt("a", AttemptState.FINISHED)))
    assert task(finished, (20, TERMINATED)).state is TaskState.RUNNING
    assert task(finished, (20, TERMINATED), (30, done("publish/a"))).state is TaskState.FINISHED


def test_a_last_word_that_comes_with_the_news_of_the_vms_end_counts() -> None:
    both = Observation(fleet=TERMINATED.fleet, statuses={"vm-0": status(attempt("a", AttemptState.FINISHED))})
    assert task((10, both)).state is TaskState.RUNNING
    assert task((10, both), (11, done("publish/a"))).state is TaskState.FINISHED


def test_an_attempt_that_a_lost_vm_reports_later_changes_nothing() -> None:
    record = task((301, silent()), (310, heard("vm-0", attempt("a", AttemptState.FINISHED))))
    assert record.state is TaskState.FAILED
    assert record.reason == "vm-0 was given up: not ready 300 s after its launch: no route to host"


def test_an_attempt_that_has_ended_never_runs_again() -> None:
    record = task(
        (10, heard("vm-0", attempt("a", AttemptState.FAILED, exit_code=1))),
        (11, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=99))),
    )
    assert record.attempts[0].state is AttemptState.FAILED
    assert record.state is TaskState.FAILED


def test_of_two_attempts_the_better_one_counts() -> None:
    failed = attempt("a", AttemptState.FAILED, exit_code=1)
    running = attempt("a", AttemptState.RUNNING, number=2)
    assert task((10, heard("vm-0", running, failed))).state is TaskState.RUNNING
    assert task((10, heard("vm-0", failed, running))).state is TaskState.RUNNING
    both_over = task(
        (10, heard("vm-0", failed, running)),
        (20, heard("vm-0", failed, attempt("a", AttemptState.CANCELLED, number=2))),
    )
    assert (both_over.state, both_over.reason) == (TaskState.FAILED, "exit code 1 on vm-0")


def test_a_task_whose_only_attempt_was_dropped_waits_again() -> None:
    record = task(
        (10, heard("vm-0", attempt("a", AttemptState.QUEUED))),
        (11, heard("vm-0", attempt("a", AttemptState.CANCELLED))),
    )
    assert record.state is TaskState.WAITING


def test_what_is_published_stays_finished() -> None:
    record = task(
        (10, heard("vm-0", attempt("a", AttemptState.FINISHED))),
        (11, done("publish/a")),
        (12, done("publish/a", error="too late")),
        (13, TERMINATED),
        (99999, NOTHING),
    )
    assert (record.state, record.reason) == (TaskState.FINISHED, "")
