"""What a run has left on the local cloud: results, manifests, the report, VMs and requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_hads.local_cloud import LocalCloud
from airflow_provider_hads.local_cloud.status import BillItem

__all__ = [
    "LIVING_REQUESTS",
    "bill_of",
    "digest",
    "instances_of",
    "keys_below",
    "manifest",
    "nothing_is_left",
    "open_spot_requests",
    "read_json",
    "results_of",
    "user_data_of",
]

LIVING_REQUESTS = ("open", "active", "disabled")
"""States of spot requests that could still launch something, or resume it; a hibernated VM's is disabled."""


def keys_below(cloud: LocalCloud, prefix: str) -> list[str]:
    """Return the keys of the bucket that begin so."""
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=cloud.bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def read(cloud: LocalCloud, key: str) -> bytes:
    """Return the content of an object of the bucket."""
    content: bytes = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=key)["Body"].read()
    return content


def read_json(cloud: LocalCloud, key: str) -> Any:
    """Return a JSON document of the bucket."""
    return json.loads(read(cloud, key))


def results_of(cloud: LocalCloud, run: str, task_id: str) -> dict[str, bytes]:
    """Return a task's published files by path.

    :param run: ``<job>_<execution>``.
    """
    folder = f"{run}/{task_id}/data/"
    return {key[len(folder) :]: read(cloud, key) for key in keys_below(cloud, folder)}


def manifest(cloud: LocalCloud, run: str, task_id: str) -> dict[str, Any]:
    """Return what publishes a task's results."""
    document: dict[str, Any] = read_json(cloud, f"{run}/{task_id}/manifest.json")
    return document


def digest(content: bytes) -> str:
    """Return a content's digest as manifests have it."""
    return hashlib.sha256(content).hexdigest()


def instances_of(cloud: LocalCloud, run: str) -> dict[str, Mapping[str, Any]]:
    """Return a run's instances by VM id, those that have ended included; of several the latest one."""
    return dict(_instances(cloud, run))


def _instances(cloud: LocalCloud, run: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return all instances of a run with their VM ids; what was launched anew has its request's tags only."""
    ec2 = cloud.client("ec2")
    pages = ec2.get_paginator("describe_spot_instance_requests").paginate()
    requests = [request for page in pages for request in page["SpotInstanceRequests"]]
    by_request = {request["SpotInstanceRequestId"]: _tags(request) for request in requests}
    pages = ec2.get_paginator("describe_instances").paginate()
    groups = [group for page in pages for group in page["Reservations"]]
    entries = [entry for group in groups for entry in group["Instances"]]
    tagged = [
        (_tags(entry) or by_request.get(entry.get("SpotInstanceRequestId", ""), {}), entry)
        for entry in entries
    ]
    return [(tags["hads:vm"], entry) for tags, entry in tagged if tags.get("hads:job") == run]


def _tags(entry: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())}


def _own(cloud: LocalCloud, run: str) -> set[str]:
    return {entry["InstanceId"] for _, entry in _instances(cloud, run)}


def user_data_of(cloud: LocalCloud, instance_id: str) -> str:
    """Return an instance's user data, base64."""
    answer = cloud.client("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    return str(answer["UserData"]["Value"])


def bill_of(cloud: LocalCloud, run: str) -> list[BillItem]:
    """Return what the run's instances have cost."""
    own = _own(cloud, run)
    return [item for item in cloud.bill() if item.instance_id in own]


def open_spot_requests(cloud: LocalCloud, run: str) -> list[str]:
    """Return the run's spot requests that could still launch something, or resume it."""
    filters = [{"Name": "tag:hads:job", "Values": [run]}, {"Name": "state", "Values": [*LIVING_REQUESTS]}]
    answer = cloud.client("ec2").describe_spot_instance_requests(Filters=filters)
    return [request["SpotInstanceRequestId"] for request in answer["SpotInstanceRequests"]]


def nothing_is_left(cloud: LocalCloud, run: str) -> bool:
    """Say whether no VM container of a run is alive and no spot request can launch or resume one."""
    return not (_own(cloud, run) & set(cloud.containers()) or open_spot_requests(cloud, run))
