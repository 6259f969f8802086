"""The end of a run's VMs: found by tag and by spot request, until nothing is left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_hads.cloud.descriptions import described_instances
from airflow_provider_hads.cloud.errors import (
    GONE_CODES,
    PERMISSION_CODES,
    code_of_cause,
    translated,
    unless_gone,
)
from airflow_provider_hads.cloud.requests import (
    cancel_request,
    fleet_request,
    instances_of_requests,
    spot_requests_by_id,
    spot_requests_request,
    terminate_request,
)
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.fleet import Instance, InstanceState

__all__ = ["PAUSE", "Ended", "chunks", "end_all", "end_instance"]

log = logging.getLogger(__name__)

PAUSE = 10.0
"""Seconds between two looks: what a spot request launches in the meantime is seen by the second."""
TIMEOUT = 180.0
QUIET_LOOKS = 2
CHUNK = 200
"""Ids in one call; EC2 takes no more values in one filter."""
_OVER = frozenset({"cancelled", "closed", "failed"})

_EndCall = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Ended:
    """What was ended, by id, in the order in which it was.

    :param instance_ids: terminated VMs.
    :param spot_request_ids: cancelled spot requests.
    """

    instance_ids: tuple[str, ...]
    spot_request_ids: tuple[str, ...]


def end_instance(client: Any, instance: Instance) -> None:
    """End one VM for good; its spot request is cancelled first, or EC2 would launch it again.

    :param client: a boto3 EC2 client.
    :raises CloudError: EC2 refused or failed; what is gone by itself meanwhile is no error.
    """
    if instance.spot_request_id:
        with unless_gone("CancelSpotInstanceRequests", instance.spot_request_id):
            client.cancel_spot_instance_requests(**cancel_request([instance.spot_request_id]))
    with unless_gone("TerminateInstances", instance.instance_id):
        client.terminate_instances(**terminate_request([instance.instance_id]))
    log.info("Ended %s (%s)", instance.vm_id or "a VM without a name", instance.instance_id)


def end_all(
    client: Any,
    run_uid: str,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    pause: float = PAUSE,
    timeout: float = TIMEOUT,
) -> Ended:
    """End all VMs and spot requests of a run, until two looks in a row find nothing.

    :param client: a boto3 EC2 client.
    :param run_uid: the run's uid, by whose tag its things are found.
    :param clock: seconds that only rise.
    :param sleep: waits so many seconds.
    :param pause: seconds between two looks.
    :param timeout: seconds after which it gives up.
    :return: what was ended.
    :raises CloudError: something may be left; the message names it.
    """
    ending = _Ending(client, run_uid)
    give_up_at = clock() + timeout
    quiet = 0
    while True:
        quiet = quiet + 1 if ending.step() else 0
        if quiet == QUIET_LOOKS:
            return ending.ended()
        if ending.hopeless or clock() + pause > give_up_at:
            raise ending.failure()
        sleep(pause)


class _Ending:
    """One :func:`end_all`: what it has ended, what its last look found, and what went wrong in that."""

    def __init__(self, client: Any, run_uid: str) -> None:
        self._client = client
        self._run_uid = run_uid
        # Dictionaries as ordered sets.
        self._cancelled: dict[str, None] = {}
        self._terminated: dict[str, None] = {}
        self._left: list[str] = []
        self._errors: list[CloudError] = []
        self.hopeless = False

    def step(self) -> bool:
        """Look once and end what is found; say whether nothing was found and nothing went wrong."""
        self._errors, self._left = [], []
        before = len(self._cancelled) + len(self._terminated)
        requests = self._spot_requests(self._instances(fleet_request(self._run_uid)))
        self._cancel(sorted(key for key, state in requests.items() if state not in _OVER))
        self._terminate(self._alive(requests))
        progress = len(self._cancelled) + len(self._terminated) > before
        permission = all(code_of_cause(error) in PERMISSION_CODES for error in self._errors)
        self.hopeless = bool(self._errors) and permission and not progress
        return not (self._left or self._errors)

    def ended(self) -> Ended:
        """Return what has been ended so far."""
        return Ended(tuple(self._terminated), tuple(self._cancelled))

    def failure(self) -> CloudError:
        """Return the error that says what may be left, and why."""
        left = f"still there: {', '.join(self._left)}" if self._left else "what is left could not be seen"
        reasons = "; ".join(dict.fromkeys(str(error) for error in self._errors))
        told = [
            "The run's VMs could not all be ended",
            left,
            reasons or "EC2 took too long",
            f"look for the tag hads:run = {self._run_uid} in the EC2 console (instances, spot requests)",
        ]
        return CloudError("; ".join(told))

    def _spot_requests(self, tagged: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return the states of the run's spot requests by id: tagged ones, and those of its tagged VMs."""
        found = self._request_states(spot_requests_request(self._run_uid))
        named = {entry["SpotInstanceRequestId"] for entry in tagged if entry.get("SpotInstanceRequestId")}
        for chunk in chunks(sorted(named - found.keys())):
            found.update(self._request_states(spot_requests_by_id(chunk)))
        return found

    def _request_states(self, request: Mapping[str, Any]) -> dict[str, str]:
        pages = self._pages("DescribeSpotInstanceRequests", "describe_spot_instance_requests", request)
        entries = [entry for page in pages for entry in page["SpotInstanceRequests"]]
        return {entry["SpotInstanceRequestId"]: entry["State"] for entry in entries}

    def _alive(self, request_ids: Iterable[str]) -> list[str]:
        """Return the ids of VMs that have not ended: of the run's tag, and launched by its spot requests."""
        entries = self._instances(fleet_request(self._run_uid))
        for chunk in chunks(sorted(request_ids)):
            entries += self._instances(instances_of_requests(chunk))
        alive = (entry for entry in entries if not InstanceState(entry["State"]["Name"]).ended)
        return sorted({entry["InstanceId"] for entry in alive})

    def _instances(self, request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return described_instances(self._pages("DescribeInstances", "describe_instances", request))

    def _pages(self, action: str, operation: str, request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return all pages of an answer; none if the call fails, which is kept as an error."""
        try:
            with translated(action):
                return list(self._client.get_paginator(operation).paginate(**request))
        except CloudError as error:
            self._errors.append(error)
            return []

    def _cancel(self, ids: Sequence[str]) -> None:
        def cancel(chunk: Sequence[str]) -> None:
            self._client.cancel_spot_instance_requests(**cancel_request(chunk))

        self._end("CancelSpotInstanceRequests", ids, cancel, self._cancelled)

    def _terminate(self, ids: Sequence[str]) -> None:
        def terminate(chunk: Sequence[str]) -> None:
            self._client.terminate_instances(**terminate_request(chunk))

        self._end("TerminateInstances", ids, terminate, self._terminated)

    def _end(self, action: str, ids: Sequence[str], call: _EndCall, ended: dict[str, None]) -> None:
        self._left += ids
        for chunk in chunks(ids):
            done = self._end_chunk(action, chunk, call)
            new = [one for one in done if one not in ended]
            ended.update(dict.fromkeys(new))
            if new:
                log.info("%s: %s", action, ", ".join(new))

    def _end_chunk(self, action: str, ids: Sequence[str], call: _EndCall) -> Sequence[str]:
        """End things with one call, or, where one spoils it, one by one; return those that are ended."""
        try:
            with translated(action, ", ".join(ids)):
                call(ids)
        except CloudError as error:
            if len(ids) > 1 and code_of_cause(error) not in PERMISSION_CODES:
                return [done for one in ids for done in self._end_chunk(action, [one], call)]
            if code_of_cause(error) not in GONE_CODES:
                self._errors.append(error)
            return []
        return ids


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield ids in as many parts as there must be calls for them: of at most :data:`CHUNK`."""
    iterator = iter(ids)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
