"""What is published about a run, and what the watchers make of it."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_hads.control.mirror import Mirror, attempt_lines, mirror
from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import NOTHING, attempt, done, heard, instance, play, run_state, shown


def published() -> dict[str, Any]:
    """Return a snapshot with a task that has finished, one that has failed and one that runs."""
    attempts = (
        attempt("done", AttemptState.FINISHED, ran=8.12345),
        attempt("bad", AttemptState.FAILED, exit_code=3, ran=2),
        attempt("busy", AttemptState.RUNNING, ran=5),
    )
    state, _ = play(
        run_state({"vm-0": ["done", "bad", "busy"]}),
        [(1, shown(instance())), (10, heard("vm-0", *attempts)), (11, done("publish/done"))],
    )
    tree: dict[str, Any] = json.loads(json.dumps(snapshot(state)))
    return tree


def test_the_snapshot_says_where_every_task_and_vm_stands() -> None:
    tree = published()
    assert {task_id: task["state"] for task_id, task in tree["tasks"].items()} == {
        "done": "finished",
        "bad": "failed",
        "busy": "running",
    }
    assert tree["vms"]["vm-0"]["state"] == "ready"
    assert tree["vms"]["vm-0"]["instance_id"] == "i-vm-0"
    assert tree["ended"] is False


def test_it_does_not_change_while_a_task_only_runs_on() -> None:
    state, _ = play(
        run_state({"vm-0": ["a"]}),
        [(1, shown(instance())), (10, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=1)))],
    )
    later, _ = play(state, [(20, heard("vm-0", attempt("a", AttemptState.RUNNING, ran=11)))])
    assert later != state
    assert snapshot(later) == snapshot(state)


def test_a_watcher_waits_while_a_task_of_its_block_may_end() -> None:
    tasks = published()["tasks"]
    assert mirror(["done"], tasks, producer_ended=False) == Mirror((), ())
    assert mirror(["done", "busy"], tasks, producer_ended=False).waiting == ("busy",)
    assert not mirror(["busy"], tasks, producer_ended=False).decided
    assert not mirror(["busy"], {}, producer_ended=False).decided


def test_a_failed_task_fails_its_watcher_with_the_reason() -> None:
    failures = mirror(["bad", "done"], published()["tasks"], producer_ended=False).failures
    assert failures == ("Task bad failed: exit code 3 on vm-0",)


def test_when_the_controller_has_ended_nobody_is_waited_for() -> None:
    seen = mirror(["busy", "never", "done"], published()["tasks"], producer_ended=True)
    assert seen.decided
    assert seen.failures == (
        "Task busy has not ended, and the run's supervise has: see its log.",
        "Task never has not ended, and the run's supervise has: see its log.",
    )


def test_each_attempt_is_told_in_a_line() -> None:
    tasks = published()["tasks"]
    assert list(attempt_lines("done", tasks["done"])) == [
        "Task done, attempt done.1 on vm-0: finished, exit code 0, ran 8.1 s"
    ]
    assert list(attempt_lines("busy", tasks["busy"])) == ["Task busy, attempt busy.1 on vm-0: running"]


def test_a_run_that_has_ended_says_so() -> None:
    state, _ = play(run_state({"vm-0": ["a"]}), [(1601, NOTHING)])
    assert snapshot(state)["ended"] is True
    assert snapshot(state)["deadline_missed"] is True
