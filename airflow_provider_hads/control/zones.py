"""In which zone a VM is launched: spread over all of them, and away from those that have just lost VMs.

The VMs of a type in one zone mostly come and go together; those of other zones stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import zone_paused
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["AVOIDED", "first_zone", "zone_for"]

AVOIDED = 600.0
"""Seconds for which no spot VM is launched in a zone that has lost one, if there is another zone."""


def first_zone(zones: Sequence[str], sequence: int) -> str:
    """Return the zone of a VM of the first plan: they take turns. Empty, where the cloud is to choose.

    :param sequence: the VM's number within its run.
    """
    return zones[sequence % len(zones)] if zones else ""


def zone_for(ledger: Ledger, kind: InstanceType, market: Market, elapsed: float) -> str:
    """Return where to launch a VM; empty, where the cloud is to choose.

    Not where the cloud has just refused that type, nor, as for spot VMs, where one was lost; of the others
    where the fewest VMs of that market are. If all have lost VMs, where that is longest ago.

    :param elapsed: seconds since the run's start.
    """
    zones = ledger.terms.zones
    if len(zones) < 2:
        return zones[0] if zones else ""
    there = Counter(ledger.vms[vm_id].zone for vm_id in ledger.living[market])
    lost = _losses(ledger, elapsed) if market is Market.SPOT else {}
    return min(
        zones,
        key=lambda zone: (
            zone_paused(ledger, kind, market, zone, elapsed),
            lost.get(zone, 0.0),
            there[zone],
            zones.index(zone),
        ),
    )


def _losses(ledger: Ledger, elapsed: float) -> dict[str, float]:
    """Return when a spot VM was lost last, by zone, as far as it counts: seconds since the run's start."""
    last: dict[str, float] = {}
    for vm in ledger.vms.values():
        at = _lost_at(vm, elapsed)
        if at is not None and at > elapsed - AVOIDED:
            last[vm.zone] = max(at, last.get(vm.zone, 0.0))
    return last


def _lost_at(vm: VmRecord, elapsed: float) -> float | None:
    """Return when a spot VM was lost, which one that sleeps still is; None where it was not, or came back."""
    if vm.market is not Market.SPOT or vm.hibernations <= vm.resumes:
        return None
    return elapsed if vm.state.asleep else vm.ended_at
