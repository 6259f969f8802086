"""``map.json``: a plan in the original's format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from airflow_provider_hads.exceptions import InputError, InputErrors
from airflow_provider_hads.inputs.document import shown
from airflow_provider_hads.inputs.environment_file import market_of, word_of
from airflow_provider_hads.inputs.job_file import JobId
from airflow_provider_hads.inputs.plan_checks import plan_problems
from airflow_provider_hads.inputs.validation import (
    Amount,
    Document,
    PositiveAmount,
    SafeName,
    read_document,
)
from airflow_provider_hads.model import Environment, Job, Placement, Plan, PlannedVm

__all__ = ["check_map_alone", "parse_map", "plan_to_map"]

_CORE = "vcpu_"
_CORE_NAME = re.compile(r"vcpu_(0|[1-9][0-9]{0,3})")
_UNNAMED_PLANNER = "map"


def _core_name(name: str) -> str:
    if not _CORE_NAME.fullmatch(name):
        raise ValueError(f"the cores are named {_CORE}0, {_CORE}1 and so on")
    return name


def _market(word: str) -> str:
    market_of(word)
    return word


def _planner(name: str) -> str:
    if not name:
        raise ValueError(f"{shown(name)} is no planner's name; give one or remove the key")
    return name


class _PlacementDocument(Document):
    start: Amount
    end: Amount


class _VmDocument(Document):
    type: str
    market: Annotated[str, AfterValidator(_market)]
    price: Amount
    cpu_share: Annotated[float, Field(gt=0, le=1)] | None = None
    map: dict[Annotated[str, AfterValidator(_core_name)], dict[SafeName, _PlacementDocument]]


class _MapDocument(Document):
    job_id: JobId | None = None
    job_name: str = ""
    scheduler: Annotated[str, AfterValidator(_planner)] = _UNNAMED_PLANNER
    deadline: PositiveAmount | None = None
    d_spot: Amount | None = None
    d_spot_rule: str | None = None
    expected_makespan: Amount | None = None
    expected_cost: Amount | None = None
    instances: dict[SafeName, _VmDocument]


def parse_map(
    text: str, file: str, job: Job, environment: Environment, *, deadline: float | None = None
) -> Plan:
    """Read a ``map.json`` and check that it places every task of the job on what can be rented.

    Its times and prices are taken as they are: they may differ from the estimates in the other files. A
    burstable VM of which it says nothing else runs in baseline mode, as the original runs it.

    :param text: content of the file.
    :param file: its name, for messages.
    :param deadline: seconds from the run's start; where it is None, the map's own deadline holds.
    :raises InputErrors: all that is wrong with it.
    """
    document = read_document(_MapDocument, text, file)
    plan = _plan(document, job, environment, document.deadline if deadline is None else deadline)
    problems = [
        *_header_problems(document, job, deadline),
        *_core_problems(document, environment),
        *plan_problems(plan, job, environment),
    ]
    if problems:
        raise InputErrors([InputError(file, field, problem) for field, problem in problems])
    return plan


def check_map_alone(text: str, file: str) -> None:
    """Check what can be checked of a map without its job and environment.

    :raises InputErrors: all that is wrong with it.
    """
    read_document(_MapDocument, text, file)


def _header_problems(document: _MapDocument, job: Job, deadline: float | None) -> list[tuple[str, str]]:
    problems = []
    if document.job_id not in (None, job.id):
        problems.append(
            ("job_id", f"'{document.job_id}' is another job than '{job.id}'; make a map for this one")
        )
    if document.deadline is None and deadline is None:
        problems.append(
            ("deadline", "this key is missing, and no other deadline is given; add it here or in setup.cfg")
        )
    return problems


def _core_problems(document: _MapDocument, environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield an error for each core that a VM does not have, also if nothing is placed there."""
    for vm_id, vm in document.instances.items():
        kind = environment.instance_types.get(vm.type)
        if kind is None:
            continue
        for core in vm.map:
            if int(core.removeprefix(_CORE)) >= kind.vcpus:
                cores = f"{kind.name} has {kind.vcpus} vCPUs"
                yield f"instances.{vm_id}.map.{core}", f"{cores}, {_CORE}0 to {_CORE}{kind.vcpus - 1}"


def _plan(document: _MapDocument, job: Job, environment: Environment, deadline: float | None) -> Plan:
    return Plan(
        job_id=job.id,
        job_name=document.job_name or job.name,
        planner=document.scheduler,
        deadline=deadline or 0.0,
        vms=tuple(_planned_vm(vm_id, vm, environment) for vm_id, vm in document.instances.items()),
        d_spot=document.d_spot,
        d_spot_rule=document.d_spot_rule,
    )


def _planned_vm(vm_id: str, document: _VmDocument, environment: Environment) -> PlannedVm:
    placements = [
        Placement(task_id, int(core.removeprefix(_CORE)), place.start, place.end)
        for core, places in document.map.items()
        for task_id, place in places.items()
    ]
    market = market_of(document.market)
    places = tuple(sorted(placements, key=_by_core))
    return PlannedVm(vm_id, document.type, market, document.price, places, _cpu_share(document, environment))


def _cpu_share(document: _VmDocument, environment: Environment) -> float | None:
    """Return the share of a vCPU for each task: as the original, burstable VMs run in baseline mode."""
    kind = environment.instance_types.get(document.type)
    baseline = kind.burstable.baseline if kind is not None and kind.burstable is not None else None
    return document.cpu_share or baseline or None


def _by_core(placement: Placement) -> tuple[int, float, float]:
    return placement.core, placement.start, placement.end


def plan_to_map(plan: Plan) -> str:
    """Return a plan as the text of a ``map.json`` that the original can read, too.

    The keys ``d_spot``, ``d_spot_rule`` and, of a VM in baseline mode, ``cpu_share`` are ours; the original
    does not look at them.
    """
    content: dict[str, object] = {
        "job_id": int(plan.job_id) if _is_number(plan.job_id) else plan.job_id,
        "job_name": plan.job_name,
        "scheduler": plan.planner,
        "deadline": plan.deadline,
        "expected_makespan": plan.makespan,
        "expected_cost": plan.cost,
    }
    if plan.d_spot is not None:
        content["d_spot"] = plan.d_spot
    if plan.d_spot_rule is not None:
        content["d_spot_rule"] = plan.d_spot_rule
    content["instances"] = {vm.id: _vm_to_map(vm) for vm in plan.vms}
    return json.dumps(content, indent=4) + "\n"


def _is_number(job_id: str) -> bool:
    return job_id.isascii() and job_id.isdecimal() and str(int(job_id)) == job_id


def _vm_to_map(vm: PlannedVm) -> dict[str, object]:
    cores: dict[str, dict[str, dict[str, float]]] = {}
    for place in sorted(vm.placements, key=_by_core):
        tasks = cores.setdefault(f"{_CORE}{place.core}", {})
        tasks[place.task_id] = {"start": place.start, "end": place.end}
    content = {"type": vm.instance_type, "market": word_of(vm.market), "price": vm.price, "map": cores}
    return content if vm.cpu_share is None else {**content, "cpu_share": vm.cpu_share}
