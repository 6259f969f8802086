"""The watchers' trigger, with the producer's state and snapshot made up."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from airflow.sdk import TaskInstanceState
from airflow.triggers.base import TriggerEvent

from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.model.runner import AttemptState
from airflow_provider_hads.triggers import job_task
from airflow_provider_hads.triggers.job_task import JobTaskTrigger
from airflow_provider_hads.triggers.producer import ENDED_STATES
from tests.support.control_examples import attempt, done, heard, instance, play, run_state, shown

RUNNING = TaskInstanceState.RUNNING
INTERVAL = 0.01


def published(*finished: str) -> dict[str, Any]:
    """Return the snapshot of a run of tasks a, b and c, of which some have finished."""
    attempts = [attempt(task_id, AttemptState.FINISHED) for task_id in finished]
    looks = [
        (1.0, shown(instance())),
        (2.0, heard("vm-0", *attempts)),
        (3.0, done(*(f"publish/{task_id}" for task_id in finished))),
    ]
    return snapshot(play(run_state({"vm-0": ["a", "b", "c"]}), looks)[0])


class Producer:
    """What ``supervise`` is and has published, look by look; the last one stays."""

    def __init__(self, *looks: tuple[str | None, Mapping[str, Any]]) -> None:
        self.looks = list(looks)
        self.asked: list[tuple[str, ...]] = []

    async def read(self, *key: str) -> tuple[str | None, Mapping[str, Any]]:
        self.asked.append(key)
        await asyncio.sleep(0)
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


@pytest.fixture(autouse=True)
def _forget_readers() -> Iterator[None]:
    """Readers live as long as a trigger; a failed test's traceback would keep one for the next test."""
    yield
    gc.collect()


def trigger(*task_ids: str, run_id: str = "run-1") -> JobTaskTrigger:
    return JobTaskTrigger("job", run_id, "supervise", list(task_ids), INTERVAL)


async def fired(waiting: JobTaskTrigger) -> dict[str, Any]:
    """Return what the trigger fires with; one that does not fire within 5 s has failed."""
    events = waiting.run()
    event: TriggerEvent = await asyncio.wait_for(anext(events), 5)
    payload: dict[str, Any] = event.payload
    return payload


def use(monkeypatch: pytest.MonkeyPatch, *looks: tuple[str | None, Mapping[str, Any]]) -> Producer:
    producer = Producer(*looks)
    monkeypatch.setattr(job_task, "aread_producer", producer.read)
    return producer


async def test_it_waits_until_its_task_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = use(monkeypatch, (None, {}), (RUNNING, {}), (RUNNING, published()), (RUNNING, published("a")))
    payload = await fired(trigger("a"))
    assert payload["producer_state"] == RUNNING
    assert payload["tasks"]["a"]["state"] == "finished"
    assert len(producer.asked) == 4
    assert producer.asked[0] == ("job", "run-1", "supervise")


async def test_it_hands_on_its_own_tasks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, (RUNNING, published("a", "b", "c")))
    assert list((await fired(trigger("b")))["tasks"]) == ["b"]


async def test_a_block_waits_for_all_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = use(monkeypatch, (RUNNING, published("a")), (RUNNING, published("a", "b")))
    await fired(trigger("a", "b"))
    assert len(producer.asked) == 2


@pytest.mark.parametrize("state", sorted(ENDED_STATES))
async def test_it_fires_when_supervise_has_ended_whatever_was_published(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    use(monkeypatch, (state, {}))
    assert await fired(trigger("a")) == {"producer_state": state, "tasks": {}}


@pytest.mark.parametrize("state", [None, "queued", "up_for_retry", "up_for_reschedule", "restarting"])
async def test_it_waits_on_while_supervise_may_go_on(
    monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    producer = use(monkeypatch, (state, {}), (state, published()), (RUNNING, published("a")))
    await fired(trigger("a"))
    assert len(producer.asked) == 3


async def test_all_triggers_of_a_run_share_one_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [(RUNNING, published())] * 4 + [(RUNNING, published("a", "b", "c"))]
    producer = use(monkeypatch, *looks)
    await asyncio.gather(*(fired(trigger(task_id)) for task_id in "abc" for _ in range(100)))
    # 300 triggers that read on their own would ask 1,500 times.
    assert 5 <= len(producer.asked) < 20


async def test_runs_do_not_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = use(monkeypatch, (RUNNING, published("a")))
    await asyncio.gather(fired(trigger("a")), fired(trigger("a", run_id="run-2")))
    assert {key[1] for key in producer.asked} == {"run-1", "run-2"}


async def test_a_read_that_fails_is_the_triggers_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*key: str) -> tuple[str | None, Mapping[str, Any]]:
        raise ConnectionError("the API server is gone")

    monkeypatch.setattr(job_task, "aread_producer", broken)
    with pytest.raises(ConnectionError, match="API server"):
        await fired(trigger("a"))


def test_it_is_made_anew_from_what_it_says_of_itself() -> None:
    path, arguments = trigger("a", "b").serialize()
    assert path == "airflow_provider_hads.triggers.job_task.JobTaskTrigger"
    assert JobTaskTrigger(**arguments).serialize() == (path, arguments)
