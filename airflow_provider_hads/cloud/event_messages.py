"""EventBridge's documents about EC2 instances as events of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import InstanceState, InterruptionKind

__all__ = ["DETAIL_TYPES", "event_of"]

_SOURCE = "aws.ec2"
DETAIL_TYPES = {
    "EC2 Instance State-change Notification": CloudEventKind.STATE,
    "EC2 Spot Instance Interruption Warning": CloudEventKind.INTERRUPTION,
    "EC2 Instance Rebalance Recommendation": CloudEventKind.REBALANCE,
}
"""What the rule that fills the queue lets through."""


def event_of(text: str) -> CloudEvent | None:
    """Read one message.

    :return: None where it is of another kind.
    :raises ValueError: it is no EventBridge document, or lacks what its kind has.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    kind = DETAIL_TYPES.get(document.get("detail-type", ""))
    if kind is None or document.get("source") != _SOURCE:
        return None
    try:
        return _event(document, kind)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{document['detail-type']} without {error}") from None


def _event(document: Mapping[str, Any], kind: CloudEventKind) -> CloudEvent:
    detail = document["detail"]
    is_state, is_interruption = kind is CloudEventKind.STATE, kind is CloudEventKind.INTERRUPTION
    return CloudEvent(
        event_id=str(document["id"]),
        instance_id=str(detail["instance-id"]),
        kind=kind,
        at=_time(document["time"]),
        state=InstanceState(detail["state"]) if is_state else None,
        interruption=InterruptionKind(detail["instance-action"]) if is_interruption else None,
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
