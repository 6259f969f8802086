"""EventBridge's documents, as its documentation shows them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_hads.cloud.event_messages import event_of
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import InstanceState, InterruptionKind

AT = datetime(2030, 1, 31, 12, 0, 5, tzinfo=timezone.utc)


def document(detail_type: str, **detail: str) -> dict[str, Any]:
    """One event as EventBridge puts it on a queue."""
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": detail_type,
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2030-01-31T12:00:05Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1"],
        "detail": {"instance-id": "i-1", **{key.replace("_", "-"): value for key, value in detail.items()}},
    }


STATE = document("EC2 Instance State-change Notification", state="stopping")


def test_a_change_of_state() -> None:
    expected = CloudEvent("e-1", "i-1", CloudEventKind.STATE, AT, state=InstanceState.STOPPING)

    assert event_of(json.dumps(STATE)) == expected


@pytest.mark.parametrize("kind", list(InterruptionKind))
def test_an_interruption_warning(kind: InterruptionKind) -> None:
    warning = document("EC2 Spot Instance Interruption Warning", instance_action=kind.value)

    event = event_of(json.dumps(warning))

    assert event is not None
    assert (event.kind, event.interruption) == (CloudEventKind.INTERRUPTION, kind)


def test_a_rebalance_recommendation() -> None:
    event = event_of(json.dumps(document("EC2 Instance Rebalance Recommendation")))

    assert event is not None
    assert event.kind is CloudEventKind.REBALANCE


@pytest.mark.parametrize("other", [document("EBS Volume Notification"), {**STATE, "source": "my.app"}, {}])
def test_other_events_are_none_of_ours(other: dict[str, Any]) -> None:
    assert event_of(json.dumps(other)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "no JSON",
        "[]",
        json.dumps({**STATE, "detail": {}}),
        json.dumps({**STATE, "detail": None}),
        json.dumps({**STATE, "time": "yesterday"}),
        json.dumps(document("EC2 Instance State-change Notification", state="dreaming")),
    ],
)
def test_what_is_no_event_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        event_of(wrong)
