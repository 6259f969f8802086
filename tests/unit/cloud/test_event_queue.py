"""Runs that share a queue of EC2's events: each hears its own soon."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from heapq import heapify, heapreplace
from statistics import mean
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.cloud.event_queue import SqsEvents

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
CALL = 0.03
"""Seconds that each call to SQS takes."""


@dataclass
class Message:
    """A message on the queue, about a VM that is called as its run is.

    :param sent_at: seconds since the start.
    :param hidden: from when until when nobody is given it, for each time that it was received.
    """

    run: str
    sent_at: float
    hidden: list[tuple[float, float]] = field(default_factory=list)
    deleted: bool = False

    def visible(self, now: float) -> bool:
        hidden = any(start <= now < end for start, end in self.hidden)
        return not self.deleted and self.sent_at <= now and not hidden

    def body(self) -> str:
        event = {
            "id": f"{self.run} {self.sent_at}",
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "time": (START + timedelta(seconds=int(self.sent_at))).isoformat(),
            "detail": {"instance-id": self.run, "state": "stopping"},
        }
        return json.dumps(event)


class Sqs:
    """One run's client of a queue, with a clock of its own.

    :param messages: of the queue.
    :param dice: which of the messages SQS gives, where there are more than it gives at once.
    """

    def __init__(self, messages: list[Message], dice: random.Random) -> None:
        self.messages = messages
        self.now = 0.0
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self._dice = dice

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def receive_message(self, **request: Any) -> Mapping[str, Any]:
        self._take_time("ReceiveMessage")
        visible = [number for number, one in enumerate(self.messages) if one.visible(self.now)]
        given = self._dice.sample(visible, min(len(visible), request["MaxNumberOfMessages"]))
        for number in given:
            self.messages[number].hidden.append((self.now, self.now + request["VisibilityTimeout"]))
        return {"Messages": [self._shown(number) for number in given]}

    def change_message_visibility_batch(self, **request: Any) -> Mapping[str, Any]:
        self._take_time("ChangeMessageVisibilityBatch")
        for entry in request["Entries"]:
            number, receipt = map(int, entry["ReceiptHandle"].split("/"))
            start, _ = self.messages[number].hidden[receipt]
            self.messages[number].hidden[receipt] = (start, self.now + entry["VisibilityTimeout"])
        return {}

    def delete_message_batch(self, **request: Any) -> Mapping[str, Any]:
        self._take_time("DeleteMessageBatch")
        for entry in request["Entries"]:
            self.messages[int(entry["ReceiptHandle"].split("/")[0])].deleted = True
        return {}

    def _shown(self, number: int) -> Mapping[str, Any]:
        message = self.messages[number]
        return {"Body": message.body(), "ReceiptHandle": f"{number}/{len(message.hidden) - 1}"}

    def _take_time(self, call: str) -> None:
        self.now += CALL
        self.calls.append(call)
        if call in self.failing:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, call)


def receiver(*messages: Message) -> tuple[SqsEvents, Sqs]:
    client = Sqs(list(messages), random.Random(7))
    return SqsEvents(client, "https://sqs/events", now=client.clock), client


def latenesses(runs: int, seconds: float, seed: int) -> Iterator[float]:
    """Yield how late runs hear of their events, each of which has one about every five seconds.

    They look about once a second, as the supervisor does: never long in step with another.
    """
    dice = random.Random(seed)
    names = [f"i-{run}" for run in range(runs)]
    messages = [Message(name, dice.uniform(0, seconds)) for name in names for _ in range(int(seconds / 5))]
    clients = [Sqs(messages, dice) for _ in names]
    receivers = [SqsEvents(client, "https://sqs/events", now=client.clock) for client in clients]
    looks = [(dice.random(), run) for run in range(runs)]
    heapify(looks)
    while not all(message.deleted for message in messages):
        now, run = looks[0]
        clients[run].now = now
        for event in receivers[run].receive({names[run]}):
            yield clients[run].now - float(event.event_id.split()[1])
        heapreplace(looks, (max(now + dice.uniform(0.5, 1.5), clients[run].now), run))


@pytest.mark.parametrize("runs", [1, 2, 5])
def test_however_many_runs_share_a_queue_each_hears_of_its_vms_in_seconds(runs: int) -> None:
    late = [one for seed in range(5) for one in latenesses(runs, 60, seed)]

    assert len(late) == 5 * runs * 12
    assert mean(late) < 2
    assert max(late) < 10


def test_a_look_receives_the_events_of_others_once_and_gives_them_back_in_batches() -> None:
    run, client = receiver(*(Message("i-other", 0) for _ in range(25)), Message("i-own", 0))

    assert [event.instance_id for event in run.receive({"i-own"})] == ["i-own"]

    assert client.calls == [
        *["ReceiveMessage"] * 4,
        *["ChangeMessageVisibilityBatch"] * 3,
        "DeleteMessageBatch",
    ]
    assert [len(message.hidden) for message in client.messages] == [1] * 26
    assert [message.visible(client.now) for message in client.messages] == [True] * 25 + [False]


def test_events_that_can_t_be_given_back_are_told_once_and_come_back_by_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_hads")
    run, client = receiver(*(Message("i-other", 0) for _ in range(15)), Message("i-own", 0))
    client.failing.add("ChangeMessageVisibilityBatch")

    assert len(run.receive({"i-own"})) == 1
    client.now = 6
    assert run.receive({"i-own"}) == ()

    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("Events of other runs could not be given back: each look hides them for 5 s (")
    assert "ChangeMessageVisibilityBatch for https://sqs/events: AccessDenied: no" in told
    assert all(message.visible(client.now + 5) for message in client.messages[:15])


def test_an_event_that_is_not_settled_is_told_to_a_successor() -> None:
    sqs = Sqs([Message("i-own", 0.0)], random.Random(7))
    first, successor = (SqsEvents(sqs, "https://sqs/events", now=sqs.clock) for _ in range(2))
    (event,) = first.receive({"i-own"}, settled=())
    sqs.now = 10.0
    assert first.receive({"i-own"}, settled=()) == (), "it was told"
    sqs.now = 20.0

    assert successor.receive({"i-own"}, settled=()) == (event,)
    sqs.now = 30.0
    successor.receive({"i-own"}, settled={event.event_id})
    assert sqs.messages[0].deleted
