from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.vm.runner.exchanges import exchange
from airflow_provider_hads.vm.runner.orders import Queue
from airflow_provider_hads.vm.runner.store import RunnerError, Store, write_atomic


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "hads")


def say(store: Store, epoch: int = 1, **message: Any) -> dict[str, Any]:
    return exchange(store, json.dumps({"epoch": epoch, **message}))


def order(attempt: str, position: int = 0) -> dict[str, Any]:
    return {"attempt_id": attempt, "task_id": "7", "position": position}


def test_the_answer_shows_at_once_what_was_asked_for(store: Store) -> None:
    status = say(store, expiry=5000.5, enqueue=[order("a"), order("b")], steal=["b"], cancel=["c"])
    assert status["expiry"] == 5001
    assert status["attempts"] == {"a": {"attempt_id": "a", "task_id": "7", "state": "queued"}}
    assert status["stolen"] == ["b"]


def test_no_expiry_leaves_the_lease(store: Store) -> None:
    say(store, expiry=5000)
    assert say(store, expiry=None)["expiry"] == 5000


def test_a_lower_epoch_is_refused_and_does_nothing(store: Store) -> None:
    say(store, epoch=3)
    with pytest.raises(RunnerError, match="epoch 2 is refused: a controller of epoch 3") as refused:
        say(store, epoch=2, enqueue=[order("a")], expiry=1)
    assert refused.value.exit_code == os.EX_TEMPFAIL
    status = say(store, epoch=3)
    assert status["attempts"] == {}
    assert status["expiry"] != 1


def test_a_higher_epoch_is_kept(store: Store) -> None:
    assert [say(store, epoch=epoch)["epoch"] for epoch in (1, 5, 5)] == [1, 5, 5]


def test_a_waiting_attempt_is_cancelled_at_once(store: Store) -> None:
    say(store, enqueue=[order("a")])
    assert say(store, cancel=["a"])["attempts"]["a"]["state"] == "cancelled"


def test_an_attempt_that_was_just_taken_is_being_staged(store: Store) -> None:
    say(store, enqueue=[order("a")])
    Queue(store).take()
    assert say(store)["attempts"]["a"]["state"] == "staging"


def test_the_loops_status_and_results_win_over_the_queue(store: Store) -> None:
    say(store, enqueue=[order("a"), order("b")])
    for _ in range(2):
        Queue(store).take()
    running = {"attempt_id": "a", "task_id": "7", "state": "running", "ran": 3.5}
    uploading = {"attempt_id": "b", "task_id": "7", "state": "uploading"}
    attempts = {"heartbeat": 8, "attempts": {"a": running, "b": uploading}}
    write_atomic(store.root / "status.json", json.dumps(attempts))
    store.attempt("b")
    write_atomic(store.result("b"), json.dumps({**uploading, "state": "finished"}))
    status = say(store)
    assert status["heartbeat"] == 8
    assert status["attempts"]["a"] == running
    assert status["attempts"]["b"]["state"] == "finished"


@pytest.mark.parametrize(
    "message",
    ["", "[]", "{}", '{"epoch": "x"}', '{"epoch": 1, "expiry": "soon"}', '{"epoch": 1, "enqueue": [{}]}',
     '{"epoch": 1, "expiry": NaN}', '{"epoch": 1, "expiry": Infinity}', '{"epoch": 1, "steal": 5}'],
)  # fmt: skip
def test_a_broken_message_is_refused_as_such(store: Store, message: str) -> None:
    with pytest.raises(RunnerError, match="not a valid message") as refused:
        exchange(store, message)
    assert refused.value.exit_code == os.EX_DATAERR


def test_an_id_to_cancel_can_not_lead_out_of_the_folder(store: Store) -> None:
    say(store, cancel=["../../escaped"])
    assert not (store.root.parent / "escaped").exists()
