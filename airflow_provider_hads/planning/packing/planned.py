"""From the state of a search to the VMs of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_hads.model import Market, Placement, PlannedVm
from airflow_provider_hads.planning.packing.fleet import Fleet
from airflow_provider_hads.planning.packing.instance import Choice
from airflow_provider_hads.planning.packing.memory_fleet import MemoryFleet
from airflow_provider_hads.planning.packing.schedule import placements_of

__all__ = ["planned_from_cores", "planned_from_orders"]

Vms = list[tuple[Choice, tuple[Placement, ...]]]


def planned_from_cores(fleet: Fleet, latest: Mapping[Market, float] | None = None) -> list[PlannedVm]:
    """Return the VMs of a fleet; each core runs its tasks one after the other, longest first.

    :param latest: latest ends by market, where they are not those of the instance.
    """
    vms: Vms = []
    for vm, choice in enumerate(fleet.choice):
        kind = fleet.instance.choices[choice]
        end = latest[kind.market] if latest is not None else kind.latest
        places = [place for core in fleet.cores(vm) for place in _core(fleet, core, end)]
        vms.append((kind, tuple(places)))
    return _numbered(vms)


def planned_from_orders(fleet: MemoryFleet) -> list[PlannedVm]:
    """Return the VMs of a fleet whose tasks start in an order."""
    instance = fleet.instance
    names = [task.id for task in instance.tasks]
    vms: Vms = []
    for choice, order in zip(fleet.choice, fleet.orders, strict=True):
        kind = instance.choices[choice]
        times, room = instance.times[choice], kind.type.memory
        vms.append((kind, placements_of(order, times, instance.memory, kind.slots, room, names)))
    return _numbered(vms)


def _core(fleet: Fleet, core: int, latest: float) -> Iterator[Placement]:
    instance, vm = fleet.instance, fleet.vm[core]
    times = instance.times[fleet.choice[vm]]
    now = 0.0
    for task in sorted(fleet.tasks[core], key=lambda task: (-times[task], task)):
        # In another order the same runtimes may add up to a bit more than the search has seen.
        end = min(now + times[task], latest)
        yield Placement(instance.tasks[task].id, core - fleet.first[vm], now, end)
        now = end


def _numbered(vms: Vms) -> list[PlannedVm]:
    """Leave out what has no tasks."""
    used = [(choice, places) for choice, places in vms if places]
    return [
        PlannedVm(f"vm-{number}", choice.type.name, choice.market, choice.type.price(choice.market), places)
        for number, (choice, places) in enumerate(used)
    ]
