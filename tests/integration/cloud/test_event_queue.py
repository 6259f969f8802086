"""Events of EC2 on an SQS queue, shared by runs."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_hads.cloud.clients import sqs_client
from airflow_provider_hads.cloud.event_queue import SqsEvents
from airflow_provider_hads.exceptions import CloudError


def now() -> datetime:
    """The time of an event: what is a quarter of an hour old is not kept for others."""
    return datetime.now(timezone.utc)


@pytest.fixture
def queue_url(aws: str) -> str:
    return str(sqs_client(aws, None).create_queue(QueueName=f"events-{uuid4()}")["QueueUrl"])


def put(aws: str, queue_url: str, instance_id: str, **more: Any) -> None:
    """Put one event on the queue, as EventBridge does."""
    event = {
        "id": str(uuid4()),
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "time": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "detail": {"instance-id": instance_id, "state": "stopping"},
    }
    text = json.dumps({**event, **more})
    sqs_client(aws, None).send_message(QueueUrl=queue_url, MessageBody=text)


def left(aws: str, queue_url: str) -> int:
    """How many messages are on the queue, hidden ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs_client(aws, None).get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(value) for value in found["Attributes"].values())


def test_a_run_takes_its_own_events_and_leaves_those_of_others(aws: str, queue_url: str) -> None:
    for number in range(25):
        put(aws, queue_url, "i-own" if number % 5 else "i-other")
    run = SqsEvents.connect(aws, queue_url.rsplit("/", 1)[1])

    events = run.receive({"i-own"})

    assert [event.instance_id for event in events] == ["i-own"] * 20
    assert left(aws, queue_url) == 5
    assert run.receive({"i-own"}) == ()


def test_another_run_hears_what_was_left_at_once(aws: str, queue_url: str) -> None:
    put(aws, queue_url, "i-other")
    assert SqsEvents.connect(aws, queue_url).receive({"i-own"}) == ()

    (event,) = SqsEvents.connect(aws, queue_url).receive({"i-other"})

    assert event.instance_id == "i-other"


def test_an_event_that_is_delivered_twice_is_heard_once(aws: str, queue_url: str) -> None:
    for _ in range(2):
        put(aws, queue_url, "i-own", id="the-same")
    run = SqsEvents.connect(aws, queue_url)

    assert len(run.receive({"i-own"})) == 1
    put(aws, queue_url, "i-own", id="the-same")
    assert run.receive({"i-own"}) == ()
    assert left(aws, queue_url) == 0


def test_what_nobody_wants_and_what_is_no_event_is_deleted(aws: str, queue_url: str) -> None:
    put(aws, queue_url, "i-gone", time="2020-01-01T00:00:00Z")
    put(aws, queue_url, "i-own", source="my.app")
    put(aws, queue_url, "i-own", detail={})

    assert SqsEvents.connect(aws, queue_url).receive({"i-own"}) == ()
    assert left(aws, queue_url) == 0


def test_events_come_in_the_order_of_their_time(aws: str, queue_url: str) -> None:
    start = now()
    for seconds in (2, 1):
        moment = start - timedelta(seconds=seconds)
        put(aws, queue_url, "i-own", time=moment.isoformat(), id=str(seconds))
    put(aws, queue_url, "i-own", time=(start - timedelta(seconds=3)).isoformat(), id="3")

    events = SqsEvents.connect(aws, queue_url).receive({"i-own"})

    assert [event.event_id for event in events] == ["3", "2", "1"]


def test_an_empty_queue_takes_one_call(aws: str, queue_url: str, calls: Counter[str]) -> None:
    run = SqsEvents.connect(aws, queue_url)
    calls.clear()

    assert run.receive({"i-own"}) == ()

    assert calls == {"sqs:ReceiveMessage": 1}


def test_a_queue_that_is_not_there_is_named(aws: str) -> None:
    with pytest.raises(CloudError, match="GetQueueUrl for no-such-queue"):
        SqsEvents.connect(aws, "no-such-queue")
