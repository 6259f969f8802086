"""How long VMs have slept by the cloud's own events: also what began and ended between two looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from airflow_provider_hads.control.ledger import Ledger, amended
from airflow_provider_hads.model.cloud_event import CloudEvent
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import ToldSleep, VmRecord

__all__ = ["hear_of_sleeps"]

_FALLS_ASLEEP = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})

ROUNDED = 1.0
"""Seconds by which times that mean the same may differ: the cloud tells whole ones."""


def hear_of_sleeps(ledger: Ledger, events: Iterable[CloudEvent]) -> None:
    """Enter what the cloud has told of the run's VMs, whose records are up to date otherwise.

    :param events: of the run's instances, in the order of their times.
    """
    told = [event for event in events if event.state is not None]
    vm_ids = {vm.instance_id: vm.id for vm in ledger.vms.values()} if told else {}
    woken: dict[str, float] = {}
    for event in told:
        at = (event.at - ledger.started_at).total_seconds()
        falls_asleep = event.state in _FALLS_ASLEEP
        if event.instance_id not in vm_ids:
            known = ledger.followers.get(event.instance_id, ToldSleep(first=at))
            ledger.followers[event.instance_id] = _told(known, at, falls_asleep=falls_asleep)
            continue
        vm = _launched_by(ledger.vms[vm_ids[event.instance_id]], event.at)
        if vm.told_sleep.until is not None and at < vm.told_sleep.until:
            continue  # a predecessor has heard of it
        if falls_asleep:
            ledger.put_vm(_asleep(vm, at, woken.pop(vm.id, None)))
        else:
            woken.setdefault(vm.id, at)
            ledger.put_vm(_awake(vm, at))


def _launched_by(vm: VmRecord, at: datetime) -> VmRecord:
    """Note that a VM was there at a moment, before which it must have been launched.

    Of one that has ended, the cloud tells no launch but that of the last start.
    """
    if vm.launched_at is None or (vm.launched_at - at).total_seconds() <= ROUNDED:
        return vm
    return amended(vm, launched_at=at)


def _asleep(vm: VmRecord, at: float, woken: float | None) -> VmRecord:
    """Note that a VM fell asleep; one that was taken to sleep all the while was up since it woke."""
    vm = amended(vm, told_sleep=_told(vm.told_sleep, at, falls_asleep=True))
    if woken is None or vm.since is None or not (vm.state.asleep and vm.since <= woken < at):
        return _with_told_sleep(vm)
    return amended(vm, since=vm.since + (at - woken), up=vm.up + (at - woken))


def _awake(vm: VmRecord, at: float) -> VmRecord:
    """Note that a VM woke or ended; its end was not asleep then, whatever was seen of it."""
    woken = amended(vm, told_sleep=_told(vm.told_sleep, at, falls_asleep=False), ended_asleep=False)
    return _with_told_sleep(woken)


def _told(sleep: ToldSleep, at: float, *, falls_asleep: bool) -> ToldSleep:
    if falls_asleep:
        return sleep if sleep.since is not None else replace(sleep, since=at)
    if sleep.since is None:
        return sleep
    return replace(sleep, seconds=sleep.seconds + max(at - sleep.since, 0.0), since=None, until=at)


def _with_told_sleep(vm: VmRecord) -> VmRecord:
    """Take the cloud's count where it has told of the last time that the VM woke, or where it is higher.

    Between two looks the VM may have slept, and it may have been up where it sleeps at both. Of one that
    sleeps, the sleep that goes on is entered when it wakes, by the same times.
    """
    told = vm.told_sleep
    if vm.state.asleep or told.until is None:
        return vm
    up_to_date = vm.since is None or abs(told.until - vm.since) <= ROUNDED
    if not up_to_date and told.seconds - vm.slept < ROUNDED:
        return vm
    return amended(vm, slept=told.seconds)
