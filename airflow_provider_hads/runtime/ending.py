"""How a run's VMs end, and what is remembered of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import CloudError, CloudTimeout, ThrottledError
from airflow_provider_hads.model.fleet import Instance

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["end_run"]

log = logging.getLogger(__name__)

LAST_LOOKS = 10
"""Looks into the queue of events at most, of 50 events each."""

PRICE_TRIES, PRICE_PAUSE = 5, 5.0
"""How often the prices are asked for where the cloud does not listen, and seconds between."""


def end_run(workshop: Workshop) -> list[dict[str, Any]]:
    """End all that a run owns, and return its VMs with the times of their launch and end, and their prices.

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
    instances = {**before, **after}.values()
    _take_off_the_queue(workshop, {instance.instance_id for instance in instances})
    prices = _prices_paid(workshop, instances)
    off = {id_: one.stopped_at for id_, one in before.items() if one.stopped_at is not None}
    return [
        {
            **_ended(instance, ended_at),
            **prices.get(instance.instance_id, {}),
            "stopped_at": off[instance.instance_id].isoformat() if instance.instance_id in off else None,
        }
        for instance in instances
    ]


def _take_off_the_queue(workshop: Workshop, instance_ids: Collection[str]) -> None:
    """Take what the cloud still tells of a run's VMs off the queue of events, for nobody else wants it.

    It would lie there for a quarter of an hour, before what other runs wait for.
    """
    events = workshop.events
    try:
        for _ in range(LAST_LOOKS):
            if events is None or not events.receive(instance_ids):
                return
    except CloudError as error:
        log.info("The last events of the run's VMs are left to others: %s", error)


def _prices_paid(workshop: Workshop, instances: Iterable[Instance]) -> dict[str, dict[str, float]]:
    """Return the spot VMs' own prices; where they are missing, the report takes the plan's.

    Nothing is running any more, so that a cloud that was asked too often can be waited for.
    """
    for tries_left in reversed(range(PRICE_TRIES)):
        try:
            paid = workshop.fleet_to_end.spot_prices_paid(instances)
        except CloudError as error:
            if tries_left and isinstance(error, (ThrottledError, CloudTimeout)):
                time.sleep(PRICE_PAUSE)
                continue
            log.warning("The report takes the plan's prices for spot VMs: %s", error)
            break
        return {instance_id: {"price": price} for instance_id, price in paid.items()}
    return {}


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
