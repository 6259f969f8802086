from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.vm.runner.orders import Entry, Queue
from airflow_provider_hads.vm.runner.store import RunnerError, Store


def order(attempt: str, position: int = 0) -> dict[str, Any]:
    return {"attempt_id": attempt, "task_id": "0", "position": position, "command": f"run {attempt}"}


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(Store(tmp_path / "hads"))


def test_the_queue_is_worked_off_by_position(queue: Queue) -> None:
    for attempt, position in (("c", 10), ("a", 9), ("b", 2)):
        queue.enqueue(order(attempt, position))
    taken = [queue.take() for _ in range(4)]
    assert [entry.attempt_id if entry else None for entry in taken] == ["b", "a", "c", None]


def test_what_is_taken_has_its_order(queue: Queue) -> None:
    queue.enqueue(order("a", 3))
    entry = queue.take()
    assert entry == Entry(3, "a", "0")
    assert queue.order(entry)["command"] == "run a"


def test_an_attempt_is_stolen_from_the_queue(queue: Queue) -> None:
    queue.enqueue(order("a"))
    assert queue.steal("a")
    assert queue.take() is None


def test_a_theft_whose_answer_was_lost_can_be_asked_for_again(queue: Queue) -> None:
    queue.enqueue(order("a"))
    assert [queue.steal("a"), queue.steal("a")] == [True, True]


def test_what_was_taken_cannot_be_stolen(queue: Queue) -> None:
    queue.enqueue(order("a"))
    queue.take()
    assert not queue.steal("a")
    assert not queue.steal("unknown")


@pytest.mark.parametrize("gone", ["waiting", "taken", "stolen"])
def test_an_attempt_is_enqueued_once(queue: Queue, gone: str) -> None:
    queue.enqueue(order("a", 5))
    if gone == "taken":
        queue.take()
    if gone == "stolen":
        queue.steal("a")
    queue.enqueue(order("a", 7))
    assert len(queue.entries("queue")) == (1 if gone == "waiting" else 0)


@pytest.mark.parametrize("name", ["../x", "", "a/b", "a,b", ".hidden", "a" * 65])
def test_an_id_that_is_no_name_is_refused(queue: Queue, name: str) -> None:
    with pytest.raises(RunnerError, match="safe name"):
        queue.enqueue(order(name))
    with pytest.raises(RunnerError, match="safe name"):
        queue.enqueue({**order("a"), "task_id": name})


@pytest.mark.parametrize("position", [-1, 10**10])
def test_a_position_that_would_not_sort_is_refused(queue: Queue, position: int) -> None:
    with pytest.raises(RunnerError, match="position"):
        queue.enqueue(order("a", position))
