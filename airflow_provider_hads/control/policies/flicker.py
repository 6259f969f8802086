"""Spot capacity that flickers: VMs that do not live long enough to pay for the way there and back."""

from __future__ import annotations

from itertools import islice

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["stay_until"]

LONGEST_PAUSE = 16
"""Boots for which work stays on on-demand VMs at most, before spot is tried again."""

MOST_VMS = 200
"""VMs, the last ones, that are looked at; many of them could not be had."""


def stay_until(ledger: Ledger) -> float | None:
    """Return until when work is to stay on on-demand VMs (seconds since the run's start).

    Two boots after a spot VM has come to too little, and twice as many for each time that it was so before:
    spot may flicker for days, or be there for good from now on. VMs that are lost together count once.

    :return: None, if the last spot VM that was lost has paid for its boot, and for that of the on-demand VM
        to which its work had to go back.
    """
    boot = ledger.terms.boot
    pause, losses = boot, list[float]()
    for vm in islice(reversed(ledger.vms.values()), MOST_VMS):
        if vm.market is not Market.SPOT or not vm.hibernations:
            continue
        if vm.up / vm.hibernations > _least_life(ledger, vm):
            break
        lost_at = _lost_at(vm)
        if not losses or abs(losses[-1] - lost_at) > boot:
            losses.append(lost_at)
            pause = min(2 * pause, LONGEST_PAUSE * boot)
    return losses[0] + pause if losses else None


def _least_life(ledger: Ledger, vm: VmRecord) -> float:
    """Return the seconds that a spot VM has to be up, its boot included, to save money.

    It saves the on-demand price while it works, and costs its own from its launch on, and a boot of the
    on-demand VM that comes after it.
    """
    dear = ledger.kind(vm).prices.get(Market.ON_DEMAND, 0.0)
    return 2 * ledger.terms.boot * dear / (dear - vm.price) if dear > vm.price else 0.0


def _lost_at(vm: VmRecord) -> float:
    lost_at = vm.ended_at if vm.ended_at is not None else vm.since
    return lost_at or 0.0
