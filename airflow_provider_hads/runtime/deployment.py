"""How a launched VM is made to work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import CloudError, VmUnreachable
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.model.runner import Exchange

if TYPE_CHECKING:
    from airflow_provider_hads.control.ports import FleetPort, VmPort
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["deploy", "prepare_running", "wait_until_running"]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0
"""Seconds between two looks for a VM's address: the longer it takes, the fewer calls."""

LOOK_AGAIN = timedelta(seconds=30)
"""How long a VM may not answer to SSH before it is looked whether it still runs."""

_ASLEEP = (InstanceState.STOPPING, InstanceState.STOPPED)


def deploy(workshop: Workshop, vm: VmRecord, instance_id: str) -> None:
    """Wait for a VM, install its runner and put its tasks into its queue.

    Epoch 0 is below every controller's: a late try of a deployment can't disturb one.

    :param vm: what the plan says of the VM.
    :param instance_id: which instance it is.
    :raises HadsError: it could not be done within the run's boot time-out, or the VM is off: whoever waited
        for it would hold up the controller, which deploys it when it is back.
    """
    until = datetime.now(timezone.utc) + timedelta(seconds=workshop.run.boot_timeout)
    instance = prepare_running(workshop.fleet, workshop.vms, instance_id, until)
    orders = workshop.orders.orders(vm, dict.fromkeys(vm.task_ids, 1))
    workshop.vms.exchange(instance, Exchange(epoch=0, enqueue=orders))


def prepare_running(fleet: FleetPort, vms: VmPort, instance_id: str, until: datetime) -> Instance:
    """Wait for an instance, and install its runner.

    :param until: when to give up, UTC.
    :raises HadsError: it could not be done by then, or the instance does not run any more.
    """
    while True:
        instance = wait_until_running(fleet, instance_id, until)
        look_again = min(datetime.now(timezone.utc) + LOOK_AGAIN, until)
        try:
            vms.prepare(instance, look_again)
        except VmUnreachable:
            if look_again == until:
                raise
        else:
            return instance


def wait_until_running(
    fleet: FleetPort, instance_id: str, until: datetime, sleep: Callable[[float], None] = time.sleep
) -> Instance:
    """Return the instance once it runs and has an address.

    :param until: when to give up, UTC.
    :raises VmUnreachable: it has ended, is hibernated or stopped, or does not run by then.
    """
    pause, seen = FIRST_PAUSE, "not shown by the cloud"
    while datetime.now(timezone.utc) < until:
        try:
            instance = next((vm for vm in fleet.describe() if vm.instance_id == instance_id), None)
        except CloudError as error:
            instance, seen = None, f"not known to run: {error}"
        if instance is not None:
            seen = instance.state.value
            if instance.state.ended:
                reason = instance.state_reason or seen
                raise VmUnreachable(f"{instance.vm_id} ({instance_id}) has ended: {reason}")
            if instance.state in _ASLEEP:
                reason = instance.state_reason or seen
                raise VmUnreachable(f"{instance.vm_id} ({instance_id}) is {seen}: {reason}")
            if instance.state is InstanceState.RUNNING and instance.address is not None:
                return instance
        sleep(pause * random.uniform(0.8, 1.2))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    raise VmUnreachable(f"{instance_id} is {seen} at the end of the boot time-out")
