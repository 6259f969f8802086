"""All that this provider has ever launched and that still costs something, found by its tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from airflow_provider_hads.cloud.descriptions import described_instances, instance_of
from airflow_provider_hads.cloud.errors import translated, unless_gone
from airflow_provider_hads.cloud.requests import (
    cancel_request,
    delete_volume_request,
    left_instances_request,
    left_spot_requests_request,
    left_volumes_request,
    terminate_request,
)
from airflow_provider_hads.cloud.tags import BUCKET_TAG, EXPIRES_TAG, JOB_TAG, RUN_TAG, VM_TAG, tag_values

__all__ = ["Kind", "Leftover", "end_leftover", "find_leftovers"]


class Kind(str, Enum):
    """What costs money, or could."""

    INSTANCE = "instance"
    """A VM that has not ended; a hibernated one still has its disk."""

    SPOT_REQUEST = "spot request"
    """One without a VM that has the tag: it may launch one, or has launched one anew, without tags."""

    VOLUME = "volume"
    """A disk that stayed when its VM ended: only of AMIs with disks that are to stay."""


@dataclass(frozen=True)
class Leftover:
    """One thing, with what its tags say.

    :param since: when it was made, UTC.
    :param expires_at: end of its first lease, UTC; None where the tag is missing.
    :param run_uid: the run's uid.
    :param run: the run's name, ``<job>_<execution>``.
    :param bucket: the run's bucket; empty where the tag is missing.
    :param spot_request_id: of a VM: its spot request, to be cancelled before it.
    :param instance_id: of a spot request: the VM that it has launched.
    """

    kind: Kind
    id: str
    state: str
    since: datetime
    expires_at: datetime | None
    run_uid: str
    run: str
    vm_id: str
    bucket: str
    spot_request_id: str | None = None
    instance_id: str | None = None


def find_leftovers(client: Any) -> list[Leftover]:
    """Return everything that has the provider's tag and has not ended, of all runs, oldest first.

    :param client: a boto3 EC2 client.
    :raises CloudError: EC2 does not say.
    """
    instances = [_instance(entry) for entry in _instances(client)]
    requests = {vm.spot_request_id for vm in instances}
    alone = (entry for entry in _requests(client) if entry["SpotInstanceRequestId"] not in requests)
    found = [*instances, *map(_request, alone), *map(_volume, _volumes(client))]
    return sorted(found, key=lambda one: (one.since, one.id))


def end_leftover(client: Any, leftover: Leftover) -> None:
    """End one thing for good: the spot request of a VM first, or EC2 would launch it again.

    :param client: a boto3 EC2 client.
    :raises CloudError: EC2 refused or failed; what is gone by itself meanwhile is no error.
    """
    request = leftover.id if leftover.kind is Kind.SPOT_REQUEST else leftover.spot_request_id
    if request:
        with unless_gone("CancelSpotInstanceRequests", request):
            client.cancel_spot_instance_requests(**cancel_request([request]))
    instance = leftover.id if leftover.kind is Kind.INSTANCE else leftover.instance_id
    if instance:
        with unless_gone("TerminateInstances", instance):
            client.terminate_instances(**terminate_request([instance]))
    if leftover.kind is Kind.VOLUME:
        with unless_gone("DeleteVolume", leftover.id):
            client.delete_volume(**delete_volume_request(leftover.id))


def _instances(client: Any) -> list[Mapping[str, Any]]:
    with translated("DescribeInstances"):
        pages = client.get_paginator("describe_instances").paginate(**left_instances_request())
        return described_instances(pages)


def _requests(client: Any) -> Iterator[Mapping[str, Any]]:
    with translated("DescribeSpotInstanceRequests"):
        paginator = client.get_paginator("describe_spot_instance_requests")
        for page in paginator.paginate(**left_spot_requests_request()):
            yield from page["SpotInstanceRequests"]


def _volumes(client: Any) -> Iterator[Mapping[str, Any]]:
    with translated("DescribeVolumes"):
        pages = client.get_paginator("describe_volumes").paginate(**left_volumes_request())
        yield from (entry for page in pages for entry in page["Volumes"])


def _instance(entry: Mapping[str, Any]) -> Leftover:
    return _leftover(
        Kind.INSTANCE,
        entry["InstanceId"],
        entry["State"]["Name"],
        instance_of(entry).launched_at,  # not when it was resumed
        entry.get("Tags", ()),
        entry.get("SpotInstanceRequestId") or None,
    )


def _request(entry: Mapping[str, Any]) -> Leftover:
    found = _leftover(
        Kind.SPOT_REQUEST,
        entry["SpotInstanceRequestId"],
        entry["State"],
        entry["CreateTime"],
        entry.get("Tags", ()),
    )
    return replace(found, instance_id=entry.get("InstanceId") or None)


def _volume(entry: Mapping[str, Any]) -> Leftover:
    return _leftover(
        Kind.VOLUME, entry["VolumeId"], entry["State"], entry["CreateTime"], entry.get("Tags", ())
    )


def _leftover(
    kind: Kind,
    id_: str,
    state: str,
    since: datetime,
    aws_tags: Iterable[Mapping[str, str]],
    request_id: str | None = None,
) -> Leftover:
    tags = tag_values(aws_tags)
    return Leftover(
        kind=kind,
        id=id_,
        state=state,
        since=since,
        expires_at=_moment(tags.get(EXPIRES_TAG, "")),
        run_uid=tags.get(RUN_TAG, ""),
        run=tags.get(JOB_TAG, ""),
        vm_id=tags.get(VM_TAG, ""),
        bucket=tags.get(BUCKET_TAG, ""),
        spot_request_id=request_id,
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
