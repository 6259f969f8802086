"""An SQS queue that EventBridge puts EC2's events into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_hads.cloud.errors import translated

__all__ = ["find_message"]

_MOST = 10
"""Messages in one answer; SQS gives no more."""

_ROUNDS = 10
"""Answers in one search: what is left is seen by the next."""

_HIDDEN = 5
"""Seconds for which messages of others are hidden from them by a search."""

Found = TypeVar("Found")


def find_message(client: Any, queue_url: str, read: Callable[[str], Found | None]) -> Found | None:
    """Return what the first message that is ours says, and delete that one; None if there is none.

    Messages that are not ours stay in the queue for whoever they are for.

    :param client: a boto3 SQS client.
    :param read: returns what a message's text says, None for one that is not ours.
    :raises CloudError: the queue can't be read.
    """
    for _ in range(_ROUNDS):
        with translated("ReceiveMessage", queue_url):
            answer = client.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=_MOST, VisibilityTimeout=_HIDDEN, WaitTimeSeconds=0
            )
        messages = answer.get("Messages", [])
        for message in messages:
            found = read(message["Body"])
            if found is not None:
                with translated("DeleteMessage", queue_url):
                    client.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                return found
        if not messages:
            break
    return None
