"""EC2's description of a VM as ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_hads.cloud.tags import GENERATION_TAG, HOST_KEY_TAG, SEQUENCE_TAG, VM_TAG, tag_values
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState

__all__ = ["UNKNOWN_NUMBER", "described_instances", "instance_of"]

UNKNOWN_NUMBER = -1
"""Sequence and generation of an instance without such tags: no order has them."""

_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")
"""How EC2 tells the time of a change of state, as in ``User initiated (2025-01-31 12:00:00 GMT)``."""


def described_instances(pages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the instances of a paginated DescribeInstances answer."""
    return [entry for page in pages for group in page["Reservations"] for entry in group["Instances"]]


def instance_of(entry: Mapping[str, Any]) -> Instance:
    """Return an instance of a DescribeInstances answer as ours.

    Missing tags leave ``vm_id`` and ``host_key`` empty and give the numbers :data:`UNKNOWN_NUMBER`.
    """
    tags = tag_values(entry.get("Tags", ()))
    return Instance(
        instance_id=entry["InstanceId"],
        vm_id=tags.get(VM_TAG, ""),
        sequence=_number(tags.get(SEQUENCE_TAG)),
        generation=_number(tags.get(GENERATION_TAG)),
        instance_type=entry.get("InstanceType", ""),
        market=Market.SPOT if entry.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND,
        state=InstanceState(entry["State"]["Name"]),
        address=entry.get("PublicIpAddress") or entry.get("PrivateIpAddress") or None,
        host_key=tags.get(HOST_KEY_TAG, ""),
        launched_at=entry["LaunchTime"],
        zone=entry.get("Placement", {}).get("AvailabilityZone", ""),
        spot_request_id=entry.get("SpotInstanceRequestId") or None,
        state_reason=_reason(entry),
        ended_at=_end(entry),
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else UNKNOWN_NUMBER


def _reason(entry: Mapping[str, Any]) -> str:
    reason = entry.get("StateReason") or {}
    if reason.get("Code", "") and reason.get("Message", "").startswith(reason["Code"]):
        return str(reason["Message"])  # as EC2 has it mostly
    return ": ".join(part for part in (reason.get("Code", ""), reason.get("Message", "")) if part)


def _end(entry: Mapping[str, Any]) -> datetime | None:
    told = _TIME.search(entry.get("StateTransitionReason", ""))
    if told is None or not InstanceState(entry["State"]["Name"]).ended:
        return None
    return datetime.strptime(told[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
