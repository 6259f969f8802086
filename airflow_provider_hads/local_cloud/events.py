"""What EC2 tells EventBridge about its instances."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import events_backends
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from airflow_provider_hads.local_cloud.instance import VmInstance

__all__ = ["INTERRUPTION", "REBALANCE", "STATE_CHANGE", "EventBus"]

_log = logging.getLogger(__name__)
STATE_CHANGE = "EC2 Instance State-change Notification"
INTERRUPTION = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"


class EventBus:
    """Puts events on the account's default bus, in order; rules and their targets are the user's.

    Who tells an event holds the cloud's lock, so that the delivery is left to a thread of its own.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._deliver, name="events", daemon=True).start()

    def state_changed(self, instance: VmInstance) -> None:
        """Tell that an instance is in another state."""
        self._tell(instance, STATE_CHANGE, state=instance.state)

    def interruption(self, instance: VmInstance, action: str) -> None:
        """Tell that a spot instance is going to be interrupted."""
        self._tell(instance, INTERRUPTION, **{"instance-action": action})

    def rebalance(self, instance: VmInstance) -> None:
        """Tell that a spot instance is at a higher risk than usual."""
        self._tell(instance, REBALANCE)

    def _tell(self, instance: VmInstance, detail_type: str, **detail: str) -> None:
        region = instance.region_name
        zone = instance.availability_zone
        arn = (
            f"arn:aws:ec2:{region}:{instance.owner_id}:instance/{instance.id}"
            if detail_type == STATE_CHANGE
            else f"arn:aws:ec2:{zone}:instance/{instance.id}"
        )
        event = {
            "Source": "aws.ec2",
            "DetailType": detail_type,
            "Detail": json.dumps({"instance-id": instance.id, **detail}),
            "Resources": [arn],
            "Time": time.time(),  # it may be delivered later
        }
        self._waiting.put((region, event))

    def _deliver(self) -> None:
        while True:
            region, event = self._waiting.get()
            try:
                events_backends[DEFAULT_ACCOUNT_ID][region].put_events([event])
            except (HTTPException, LookupError, TypeError, ValueError, NotImplementedError):
                # A rule's target may be anything, and gone: the next events are delivered all the same.
                _log.exception("%s was not delivered", event["DetailType"])
