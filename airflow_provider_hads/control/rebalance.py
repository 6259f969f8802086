"""Rebalance recommendations: the cloud takes a VM's interruption for more likely than usual."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind

__all__ = ["hear_of_rebalances"]


def hear_of_rebalances(ledger: Ledger, events: Iterable[CloudEvent]) -> None:
    """Enter for which VMs the cloud has recommended another place; no policy goes by it.

    :param events: in the order of their times; those of other instances are passed over.
    """
    recommended = [event for event in events if event.kind is CloudEventKind.REBALANCE]
    vm_ids = {vm.instance_id: vm.id for vm in ledger.vms.values()} if recommended else {}
    for event in recommended:
        if event.instance_id in vm_ids:
            at = (event.at - ledger.started_at).total_seconds()
            ledger.put_vm(amended(ledger.vms[vm_ids[event.instance_id]], rebalance_at=at))
