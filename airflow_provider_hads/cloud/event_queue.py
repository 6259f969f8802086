"""Events of EC2 through EventBridge and SQS: seconds instead of the interval of a description."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_hads.cloud.clients import sqs_client
from airflow_provider_hads.cloud.errors import translated
from airflow_provider_hads.cloud.event_messages import event_of
from airflow_provider_hads.cloud.requests import (
    MESSAGES_OF_A_CALL,
    delete_messages_request,
    give_back_messages_request,
    queue_url_request,
    receive_messages_request,
)
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.cloud_event import CloudEvent

__all__ = ["SqsEvents"]

log = logging.getLogger(__name__)

HIDDEN_SECONDS = 5
"""How long a received message is hidden from everybody, unless it is given back.

It outlasts one :meth:`SqsEvents.receive`, which would else be given the same messages of other runs twice.
"""
FOREIGN_LIFETIME = timedelta(minutes=15)
"""How old a message may become that no run wants, before whoever sees it deletes it."""
MOST_CALLS = 5
"""ReceiveMessage calls of one :meth:`SqsEvents.receive`, so that a full queue does not hold up a step."""
REMEMBERED = 1000


def _now() -> datetime:
    return datetime.now(timezone.utc)


class SqsEvents:
    """One run's view of the queue; the ``EventsPort`` of EC2.

    Several runs may share a queue: each deletes its own messages, gives those of others back at once, and
    deletes what nobody has wanted for a quarter of an hour, so that no queue fills up.

    :param client: a boto3 SQS client; see :meth:`connect`.
    :param queue_url: URL of the queue.
    :param now: tells the time.
    """

    def __init__(self, client: Any, queue_url: str, *, now: Callable[[], datetime] = _now) -> None:
        self._client = client
        self._queue_url = queue_url
        self._now = now
        self._seen: OrderedDict[str, bool] = OrderedDict()
        """Event ids, and whether they are settled."""
        self._unsettled: dict[str, str] = {}
        """Receipt handles by event id."""
        self._gives_back = True

    @classmethod
    def connect(cls, aws_conn_id: str | None, queue: str, region: str | None = None) -> SqsEvents:
        """Return the receiver of a queue.

        :param aws_conn_id: id of the AWS connection; None takes boto3's own search for credentials.
        :param queue: the queue's name or URL.
        :param region: overrides the connection's.
        :raises CloudError: there is no such queue, or the account may not use it.
        """
        client = sqs_client(aws_conn_id, region)
        if queue.startswith(("https://", "http://")):
            return cls(client, queue)
        with translated("GetQueueUrl", queue):
            return cls(client, str(client.get_queue_url(**queue_url_request(queue))["QueueUrl"]))

    def receive(
        self, instance_ids: Collection[str], settled: Collection[str] | None = None
    ) -> tuple[CloudEvent, ...]:
        """Return what has been told about some instances since the last call, each event once, oldest first.

        :param settled: ids of events that were received before and need not be told again, to a successor for
            one: only they are deleted. None deletes each event when it is received.
        :raises CloudError: SQS refused or failed; what had been received by then is received again.
        """
        self._settle(settled or ())
        events: list[CloudEvent] = []
        done: list[str] = []
        foreign: list[str] = []
        for message in self._messages():
            event, handle = self._read(message), str(message["ReceiptHandle"])
            if event is not None and event.instance_id not in instance_ids:
                wanted = self._now() - event.at < FOREIGN_LIFETIME
                (foreign if wanted else done).append(handle)
                continue
            if event is None or settled is None or self._seen.get(event.event_id):
                done.append(handle)
            else:
                self._unsettled[event.event_id] = handle
            if event is not None:
                events.append(event)
        self._give_back(foreign)
        self._delete(done)
        fresh = [event for event in events if self._is_new(event)]
        return tuple(sorted(fresh, key=lambda event: event.at))

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        request = receive_messages_request(self._queue_url, HIDDEN_SECONDS)
        for _ in range(MOST_CALLS):
            with translated("ReceiveMessage", self._queue_url):
                messages = self._client.receive_message(**request).get("Messages", [])
            yield from messages
            if not messages:
                return

    @staticmethod
    def _read(message: Mapping[str, Any]) -> CloudEvent | None:
        try:
            return event_of(str(message["Body"]))
        except ValueError as error:
            log.warning("A message of the events queue is not EventBridge's (%s): deleted", error)
            return None

    def _give_back(self, handles: Sequence[str]) -> None:
        """Show messages to other runs again; those that can't be given back come back by themselves."""
        for request in self._in_batches(give_back_messages_request, handles):
            try:
                with translated("ChangeMessageVisibilityBatch", self._queue_url):
                    self._client.change_message_visibility_batch(**request)
            except CloudError as error:
                if self._gives_back:  # else it was told before, and a missing right would be at every look
                    log.warning(
                        "Events of other runs could not be given back: each look hides them for %d s (%s)",
                        HIDDEN_SECONDS,
                        error,
                    )
                self._gives_back = False
                return

    def _delete(self, handles: Sequence[str]) -> None:
        """Delete messages; those that can't be deleted come again, and are known then."""
        for request in self._in_batches(delete_messages_request, handles):
            try:
                with translated("DeleteMessageBatch", self._queue_url):
                    self._client.delete_message_batch(**request)
            except CloudError as error:
                log.warning("Messages of the events queue could not be deleted: %s", error)
                return

    def _in_batches(
        self, request: Callable[[str, Sequence[str]], dict[str, Any]], handles: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        for start in range(0, len(handles), MESSAGES_OF_A_CALL):
            yield request(self._queue_url, handles[start : start + MESSAGES_OF_A_CALL])

    def _settle(self, event_ids: Collection[str]) -> None:
        for event_id in event_ids:
            self._seen[event_id] = True
        handles = {
            event_id: handle for event_id, handle in self._unsettled.items() if self._seen.get(event_id)
        }
        for event_id in handles:
            del self._unsettled[event_id]
        self._delete([*handles.values()])

    def _is_new(self, event: CloudEvent) -> bool:
        """Say whether an event comes for the first time: EventBridge and SQS deliver at least once."""
        if event.event_id in self._seen:
            return False
        self._seen[event.event_id] = False
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True
