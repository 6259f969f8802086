"""How a run's VMs end, and what is remembered of them."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.model.fleet import Instance

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["end_run"]

log = logging.getLogger(__name__)


def end_run(workshop: Workshop) -> list[dict[str, Any]]:
    """End all that a run owns, and return its VMs with the times of their launch and end.

    :raises CloudError: something is left; the message names it.
    """
    before = {instance.instance_id: instance for instance in workshop.fleet_to_end.describe()}
    ended_at = datetime.now(timezone.utc)
    ended = workshop.fleet_to_end.end_all()
    log.info(
        "Nothing of run %s is left running; VMs terminated: %d, spot requests cancelled: %d",
        workshop.run.identity.name,
        len(ended.instance_ids),
        len(ended.spot_request_ids),
    )
    after = {instance.instance_id: instance for instance in workshop.fleet_to_end.describe()}
    return [_ended(instance, ended_at) for instance in {**before, **after}.values()]


def _ended(instance: Instance, looked_at: datetime) -> dict[str, Any]:
    """Return what a VM was; where EC2 does not tell its end, that was about when this end began.

    The report knows better where the controller has seen it end before.
    """
    return {
        "vm_id": instance.vm_id,
        "instance_id": instance.instance_id,
        "instance_type": instance.instance_type,
        "market": instance.market.value,
        "launched_at": instance.launched_at.isoformat(),
        "ended_at": (instance.ended_at or looked_at).isoformat(),
    }
