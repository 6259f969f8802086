"""How a launched VM is made to work."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.model.runner import Exchange

if TYPE_CHECKING:
    from airflow_provider_hads.control.ports import FleetPort
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["deploy", "wait_until_running"]

LOOK_INTERVAL = 2.0
"""Seconds between two looks for a VM's address."""


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
    state = "not shown by the cloud"
    while datetime.now(timezone.utc) < until:
        found = [instance for instance in fleet.describe() if instance.instance_id == instance_id]
        for instance in found:
            state = instance.state.value
            if instance.state is InstanceState.RUNNING and instance.address is not None:
                return instance
            if instance.state.ended:
                raise VmUnreachable(
                    f"{instance.vm_id} ({instance_id}) has ended: {instance.state_reason or state}"
                )
        sleep(LOOK_INTERVAL)
    raise VmUnreachable(f"{instance_id} is {state} at the end of the boot time-out")
