"""What may still be launched."""

from __future__ import annotations

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = [
    "allows",
    "blocking",
    "paused",
    "paused_until",
    "pauses_end",
    "room",
    "room_on_demand",
    "vcpus_in_use",
    "zone_paused",
]

TICK = 1e-6
"""Seconds; a clock tells no shorter time, so that a pause may seem to end a little later than it does."""


def room(ledger: Ledger, kind: InstanceType, market: Market, taken: int = 0) -> int:
    """Return how many more VMs of that type and market the limits allow, hibernated ones counted.

    :param taken: vCPUs that others will have.
    """
    mission = ledger.terms
    left = min(
        kind.limit(market) - ledger.counts[kind.name, market],
        mission.environment.global_limit(market) - len(ledger.counted[market]),
    )
    if mission.vcpu_limit is not None:
        taken += ledger.reserved_vcpus if market is Market.SPOT else 0
        left = min(left, (mission.vcpu_limit - vcpus_in_use(ledger) - taken) // kind.vcpus)
    return max(left, 0)


def room_on_demand(ledger: Ledger, kind: InstanceType) -> int:
    """Return how many more on-demand VMs of that type the limits allow, were all spot VMs ended for them."""
    mission = ledger.terms
    left = min(
        kind.limit(Market.ON_DEMAND) - ledger.counts[kind.name, Market.ON_DEMAND],
        mission.environment.global_limit(Market.ON_DEMAND) - len(ledger.counted[Market.ON_DEMAND]),
    )
    if mission.vcpu_limit is not None:
        used = vcpus_in_use(ledger, Market.ON_DEMAND)
        left = min(left, (mission.vcpu_limit - used) // kind.vcpus)
    return max(left, 0)


def allows(ledger: Ledger, kind: InstanceType, market: Market, elapsed: float) -> bool:
    """Say whether one more VM can be asked for: the limits allow it, and there may be capacity."""
    return room(ledger, kind, market) > 0 and not paused(ledger, kind, market, elapsed)


def paused(ledger: Ledger, kind: InstanceType, market: Market, elapsed: float) -> bool:
    """Say whether the cloud has just had none of that type, in no zone."""
    return elapsed < paused_until(ledger, kind, market) - TICK


def paused_until(ledger: Ledger, kind: InstanceType, market: Market) -> float:
    """Return until when that type is not asked for, or was not; seconds since the run's start."""
    until = ledger.pauses.get(f"{kind.name}/{market}", 0.0)
    zones = ledger.terms.zones
    if not zones or not ledger.pauses:
        return until
    return max(until, min(ledger.pauses.get(f"{kind.name}/{market}/{zone}", 0.0) for zone in zones))


def zone_paused(ledger: Ledger, kind: InstanceType, market: Market, zone: str, elapsed: float) -> bool:
    """Say whether the cloud has just had none of that type in a zone."""
    return elapsed < ledger.pauses.get(f"{kind.name}/{market}/{zone}", 0.0) - TICK


def pauses_end(ledger: Ledger, elapsed: float) -> float | None:
    """Return when the first of the pauses for want of capacity ends; None where there is none."""
    return min((until for until in ledger.pauses.values() if until - TICK > elapsed), default=None)


def vcpus_in_use(ledger: Ledger, *markets: Market) -> int:
    """Return the vCPUs of all VMs that have not ended, of some markets or all."""
    counted = (vm_id for market in markets or tuple(Market) for vm_id in ledger.counted[market])
    return sum(ledger.kind(ledger.vms[vm_id]).vcpus for vm_id in counted)


def blocking(ledger: Ledger, kind: InstanceType, market: Market) -> list[VmRecord]:
    """Return the hibernated VMs of which one has to end before that type can be launched.

    Where the type's own limit is used up, only VMs of that type help; else any of the market does.
    """
    sleeping = [vm for vm_id in ledger.living[market] if (vm := ledger.vms[vm_id]).state.asleep]
    if ledger.counts[kind.name, market] >= kind.limit(market):
        return [vm for vm in sleeping if vm.instance_type == kind.name]
    return sleeping
