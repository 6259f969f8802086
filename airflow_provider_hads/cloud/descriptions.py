"""EC2's description of a VM as ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_hads.cloud.tags import GENERATION_TAG, HOST_KEY_TAG, SEQUENCE_TAG, VM_TAG, tag_values
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind

__all__ = ["UNKNOWN_NUMBER", "described_instances", "instance_of"]

UNKNOWN_NUMBER = -1
"""Sequence and generation of an instance without such tags: no order has them."""

_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")
"""How EC2 tells the time of a change of state, as in ``User initiated (2025-01-31 12:00:00 GMT)``."""

_BY_SPOT = "Server.Spot"
_BY_USER = "Client.UserInitiatedHibernate"


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
        launched_at=_first_launch(entry),
        zone=entry.get("Placement", {}).get("AvailabilityZone", ""),
        spot_request_id=entry.get("SpotInstanceRequestId") or None,
        state_reason=_reason(entry),
        ended_at=_change(entry, InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED),
        started_at=entry["LaunchTime"],
        stopped_at=_change(entry, InstanceState.STOPPING, InstanceState.STOPPED),
        interruption=_interruption(entry),
    )


def _first_launch(entry: Mapping[str, Any]) -> datetime:
    """Return when the instance was launched; EC2 sets LaunchTime anew whenever one is started or resumed."""
    attachments = (interface.get("Attachment", {}) for interface in entry.get("NetworkInterfaces", ()))
    times = [one["AttachTime"] for one in attachments if one.get("DeviceIndex") == 0 and "AttachTime" in one]
    launched: datetime = min([entry["LaunchTime"], *times])
    return launched


def _interruption(entry: Mapping[str, Any]) -> InterruptionKind | None:
    """Return how EC2 has interrupted an instance; None while it runs, and where its user or itself ended it.

    EC2 has one code for spot instances that it stops, hibernated ones included. One that is set up for
    hibernation is taken for hibernated, though EC2 stops it where hibernation fails: its next boot id tells.
    """
    reason = entry.get("StateReason") or {}
    code, message = reason.get("Code", ""), reason.get("Message", "")
    state = InstanceState(entry["State"]["Name"])
    if state.ended:
        return InterruptionKind.TERMINATE if code.startswith(_BY_SPOT) else None
    if state not in (InstanceState.STOPPING, InstanceState.STOPPED):
        return None
    configured = entry.get("HibernationOptions", {}).get("Configured", False)
    if code == _BY_USER or (code.startswith(_BY_SPOT) and (configured or "hibernat" in message.lower())):
        return InterruptionKind.HIBERNATE
    return InterruptionKind.STOP if code.startswith(_BY_SPOT) else None


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else UNKNOWN_NUMBER


def _reason(entry: Mapping[str, Any]) -> str:
    reason = entry.get("StateReason") or {}
    if reason.get("Code", "") and reason.get("Message", "").startswith(reason["Code"]):
        return str(reason["Message"])  # as EC2 has it mostly
    return ": ".join(part for part in (reason.get("Code", ""), reason.get("Message", "")) if part)


def _change(entry: Mapping[str, Any], *states: InstanceState) -> datetime | None:
    """Return when the change to one of these states began, if it is in one of them and EC2 tells."""
    told = _TIME.search(entry.get("StateTransitionReason", ""))
    if told is None or InstanceState(entry["State"]["Name"]) not in states:
        return None
    return datetime.strptime(told[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
