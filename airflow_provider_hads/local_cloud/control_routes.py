"""What the control routes do: look at VMs and bill, interrupt, make calls and VMs fail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from airflow_provider_hads.cloud.tags import JOB_TAG, RUN_TAG, VM_TAG
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.capacity import CapacityBook, Shortage
from airflow_provider_hads.local_cloud.control import Routes
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.fault_rates import ApiFault, FaultDice, FaultRate
from airflow_provider_hads.local_cloud.faults import Fault, FaultBook, RequestLog
from airflow_provider_hads.local_cloud.hazard_runner import HazardRunner
from airflow_provider_hads.local_cloud.hazards import HazardRates, RateHazard, TraceHazard
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.interruptions import Action, Interruptions
from airflow_provider_hads.local_cloud.ssh_doors import SshDoors
from airflow_provider_hads.local_cloud.status import BillItem, CloudVm
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["ec2_routes", "fault_routes", "hazard_routes", "sabotage_routes"]


def ec2_routes(ec2: LocalEc2, interruptions: Interruptions) -> Routes:
    """Return the routes that look at VMs and interrupt them."""

    def vms(_: Any) -> list[Any]:
        now = datetime.now(timezone.utc)
        with ec2.lock:
            alive = [machine for machine in ec2.machines() if machine.state != "terminated"]
            return [asdict(_status(machine, now)) for machine in alive]

    def bill(_: Any) -> list[Any]:
        now = datetime.now(timezone.utc)
        with ec2.lock:
            return [_bill_item(machine, now).to_json() for machine in ec2.machines()]

    def interrupt(order: Mapping[str, Any]) -> str:
        action = Action(order["action"]) if order["action"] else None
        machine = _machine(ec2, order["vm"])
        return interruptions.interrupt(machine, action, float(order["notice"])).value

    def resume(order: Mapping[str, Any]) -> None:
        interruptions.resume(_machine(ec2, order["vm"]), bool(order["fresh_boot"]))

    def rebalance(order: Mapping[str, Any]) -> None:
        interruptions.recommend_rebalance(_machine(ec2, order["vm"]))

    return {
        "GET vms": vms,
        "GET bill": bill,
        "POST interrupt": interrupt,
        "POST resume": resume,
        "POST rebalance": rebalance,
        "GET history": lambda _: [asdict(one) for one in interruptions.history()],
    }


def hazard_routes(runner: HazardRunner) -> Routes:
    """Return the routes that let hazards loose and end them."""

    def begin(document: Mapping[str, Any]) -> None:
        seed = document["seed"]
        if document["trace"] is None:
            runner.set(RateHazard(HazardRates(**document["rates"]), seed))
            return
        trace = Trace.from_document(document["trace"])
        runner.set(TraceHazard(trace, time.monotonic(), seed, float(document["speed"])))

    return {"POST hazard": begin, "DELETE hazard": lambda _: runner.set(None)}


def fault_routes(faults: FaultBook, dice: FaultDice, capacity: CapacityBook, log: RequestLog) -> Routes:
    """Return the routes that make API calls fail, and count them."""

    def set_rate(document: Mapping[str, Any]) -> None:
        kind = ApiFault(document["kind"])
        dice.set(FaultRate(kind, float(document["rate"]), document["seed"], float(document["delay"])))

    def set_capacity(document: Mapping[str, Any]) -> None:
        shortage = Shortage.parse(document["what"])
        (capacity.remove if document["off"] else capacity.add)(shortage)

    def clear(_: Any) -> None:
        faults.clear()
        dice.clear()
        capacity.clear()

    return {
        "GET requests": lambda _: log.times(),
        "POST faults": lambda document: faults.add(Fault(**document)),
        "POST fault-rates": set_rate,
        "POST capacity": set_capacity,
        "DELETE faults": clear,
    }


def sabotage_routes(ec2: LocalEc2, doors: SshDoors) -> Routes:
    """Return the routes that make VMs unfit."""

    def ssh(document: Mapping[str, Any]) -> None:
        refused = bool(document["refused"])
        if document["vm"]:
            (doors.close if refused else doors.open)(_machine(ec2, document["vm"]).id)
            return
        (doors.close_all_to_come if refused else doors.open_all_to_come)()
        with ec2.lock:
            running = [machine.id for machine in ec2.machines() if machine.state == "running"]
        for instance_id in running:
            (doors.close if refused else doors.open)(instance_id)

    def host_key(document: Mapping[str, Any]) -> None:
        doors.change_host_key(_machine(ec2, document["vm"]).id)

    return {"POST ssh": ssh, "POST host-key": host_key}


def _machine(ec2: LocalEc2, name: str) -> VmInstance:
    """Return the one VM of that instance id, of that ``Name`` tag or with that VM id.

    :raises InputError: there is none, or more than one.
    """
    with ec2.lock:
        alive = [machine for machine in ec2.machines() if not machine.ended]
        found = [machine for machine in alive if name in _names(machine)]
    if len(found) != 1:
        many = ", ".join(machine.id for machine in found)
        problem = (
            f"{name!r} is the name of several VMs: {many}" if found else f"{name!r} is no VM's id or name"
        )
        raise InputError("local cloud", "vm", problem)
    return found[0]


def _names(machine: VmInstance) -> tuple[str, ...]:
    tags = _tags(machine)
    return (machine.id, *(tags[key] for key in (VM_TAG, "Name") if key in tags))


def _tags(machine: VmInstance) -> dict[str, str]:
    """Return the tags of an instance, or of the spot request that has launched it anew, without tags."""
    request = machine.ec2_backend.spot_request_of(machine)
    tags = machine.get_tags() or (request.get_tags() if request is not None else [])
    return {tag["key"]: tag["value"] for tag in tags}


def _status(machine: VmInstance, now: datetime) -> CloudVm:
    return CloudVm(
        instance_id=machine.id,
        state=machine.state,
        instance_type=machine.instance_type,
        market=machine.market,
        address=machine.address,
        age=(now - machine.launched_at).total_seconds(),
        name=_tags(machine).get("Name", ""),
        hibernated=machine.frozen and machine.state in ("stopping", "stopped"),
    )


def _bill_item(machine: VmInstance, now: datetime) -> BillItem:
    tags = _tags(machine)
    return BillItem(
        instance_id=machine.id,
        instance_type=machine.instance_type,
        market=machine.market,
        launched_at=machine.launched_at,
        ended_at=machine.ended_at,
        price=machine.price,
        seconds=machine.meter.seconds(now),
        run=tags.get(RUN_TAG, ""),
        run_name=tags.get(JOB_TAG, ""),
        name=tags.get("Name", ""),
    )
