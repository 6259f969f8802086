"""How a VM of a hand-written DAG is launched once, and made to work."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_hads.cloud.instance_types import describe_types
from airflow_provider_hads.exceptions import CloudError, HadsError, InputError, VmUnreachable
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, LaunchOrder
from airflow_provider_hads.model.runner import Exchange
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.runtime.deployment import wait_until_running

if TYPE_CHECKING:
    from airflow_provider_hads.cloud.instance_types import TypeFacts
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox

__all__ = ["VmWish", "give_up", "launch", "make_ready"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VmWish:
    """A VM that is wanted.

    :param vm_id: its name within the run; the same name is the same VM.
    :param slots: tasks at once; None is one a vCPU.
    :param expires_at: end of its lease, UTC.
    """

    vm_id: str
    instance_type: str
    market: Market
    slots: int | None
    expires_at: datetime


def launch(toolbox: Toolbox, wish: VmWish) -> VmHandle:
    """Launch a VM, or adopt the one of that name that lives; does not wait for it.

    :raises InputError: the region has no such type, or a setting can't be used.
    :raises CloudError: EC2 refused, failed, or has no capacity.
    """
    facts = describe_types(toolbox.client, [wish.instance_type]).get(wish.instance_type)
    if facts is None:
        problem = f"{wish.instance_type!r} is no type that this region has"
        raise InputError("task", "instance_type", problem)
    own = [vm for vm in toolbox.fleet.describe() if vm.vm_id == wish.vm_id]
    living = [vm for vm in own if not vm.state.ended]
    if living:
        found = max(living, key=lambda vm: vm.launched_at)
        log.info("%s is there already: %s (%s)", wish.vm_id, found.instance_id, found.state.value)
        hibernation = found.market is Market.SPOT and facts.hibernation
        return _handle(toolbox, wish, facts, found.instance_id, hibernation)
    generation = max((vm.generation for vm in own), default=-1) + 1
    launched = toolbox.fleet.launch(_order(toolbox, wish, facts, generation))
    return _handle(toolbox, wish, facts, launched.instance_id, launched.hibernation)


def _order(toolbox: Toolbox, wish: VmWish, facts: TypeFacts, generation: int) -> LaunchOrder:
    return LaunchOrder(
        run=toolbox.run,
        vm_id=wish.vm_id,
        sequence=_sequence(wish.vm_id),
        generation=generation,
        instance_type=wish.instance_type,
        memory=facts.memory,
        market=wish.market,
        burstable=facts.burstable,
        expires_at=wish.expires_at,
    )


def _sequence(vm_id: str) -> int:
    """Return the number of a name: nobody counts the VMs of a hand-written DAG."""
    return int.from_bytes(hashlib.sha256(vm_id.encode()).digest()[:6], "big")


def _handle(
    toolbox: Toolbox, wish: VmWish, facts: TypeFacts, instance_id: str, hibernation: bool
) -> VmHandle:
    return VmHandle(
        run=toolbox.run,
        vm_id=wish.vm_id,
        instance_id=instance_id,
        instance_type=wish.instance_type,
        market=wish.market,
        hibernation=hibernation,
        slots=wish.slots or facts.vcpus,
        memory=facts.memory,
        user=toolbox.ec2.vm_user,
        region=toolbox.ec2.region,
    )


def make_ready(toolbox: Toolbox, vm: VmHandle, until: datetime, expires_at: datetime) -> Instance:
    """Wait for a VM, install and start its runner, and begin its lease anew.

    :param until: when to give up, UTC.
    :param expires_at: end of the lease, UTC.
    :raises VmError: it could not be done by then.
    """
    instance = wait_until_running(toolbox.fleet, vm.instance_id, until)
    left = max((until - datetime.now(timezone.utc)).total_seconds(), 1.0)
    toolbox.gateway.prepare(instance, toolbox.runner_config(vm.slots, vm.memory), timeout=left)
    toolbox.gateway.exchange(instance, Exchange(epoch=0, expiry=expires_at.timestamp()))
    return instance


def give_up(toolbox: Toolbox, vm: VmHandle, error: HadsError) -> VmUnreachable:
    """End a VM that does not come up, so that the next try has a new one, and return what to say."""
    end = "ended"
    try:
        for instance in toolbox.fleet.describe():
            if instance.instance_id == vm.instance_id and not instance.state.ended:
                toolbox.fleet.end(instance)
    except CloudError as problem:
        end = f"not ended, see to it: {problem}"
    return VmUnreachable(f"{vm.vm_id} ({vm.instance_id}) did not come up and is {end}: {error}")
