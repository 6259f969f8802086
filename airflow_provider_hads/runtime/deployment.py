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
    from airflow_provider_hads.control.ports import FleetPort
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["deploy", "wait_until_running"]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0
"""Seconds between two looks for a VM's address: the longer it takes, the fewer calls."""


def deploy(workshop: Workshop, vm: VmRecord, instance_id: str) -> None:
    """Wait for a VM, install its runner and put its tasks into its queue.

    Epoch 0 is below every controller's: a late try of a deployment can't disturb one.

    :param vm: what the plan says of the VM.
    :param instance_id: which instance it is.
    :raises HadsError: it could not be done within the run's boot time-out.
    """
    until = datetime.now(timezone.utc) + timedelta(seconds=workshop.run.boot_timeout)
    instance = wait_until_running(workshop.fleet, instance_id, until)
    workshop.vms.prepare(instance, until)
    orders = workshop.orders.orders(vm, dict.fromkeys(vm.task_ids, 1))
    workshop.vms.exchange(instance, Exchange(epoch=0, enqueue=orders))


def wait_until_running(
    fleet: FleetPort, instance_id: str, until: datetime, sleep: Callable[[float], None] = time.sleep
) -> Instance:
    """Return the instance once it runs and has an address.

    :param until: when to give up, UTC.
    :raises VmUnreachable: it has ended, or does not run by then.
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
            if instance.state is InstanceState.RUNNING and instance.address is not None:
                return instance
        sleep(pause * random.uniform(0.8, 1.2))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    raise VmUnreachable(f"{instance_id} is {seen} at the end of the boot time-out")
