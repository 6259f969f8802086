"""What the cloud tells by itself about a VM, in seconds instead of at the next look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from airflow_provider_hads.model.fleet import InstanceState, InterruptionKind

__all__ = ["CloudEvent", "CloudEventKind"]


class CloudEventKind(str, Enum):
    """What an event is about."""

    STATE = "state"
    """The VM has come into another state."""

    INTERRUPTION = "interruption"
    """The VM is about to be interrupted (hibernated: is being)."""

    REBALANCE = "rebalance"
    """The VM is at a higher risk of interruption than usual; nothing has happened yet."""


@dataclass(frozen=True)
class CloudEvent:
    """One thing that the cloud has told.

    :param event_id: the cloud's id of the event; a repeated delivery has the same.
    :param at: when it happened, UTC, in whole seconds.
    :param state: of an event of kind STATE, else None.
    :param interruption: of an event of kind INTERRUPTION, else None.
    """

    event_id: str
    instance_id: str
    kind: CloudEventKind
    at: datetime
    state: InstanceState | None = None
    interruption: InterruptionKind | None = None
