"""From a run's inputs to its plan."""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.exceptions import InfeasibleJob, InputError
from airflow_provider_hads.inputs.plan_checks import lateness
from airflow_provider_hads.model.environment import Environment
from airflow_provider_hads.model.job import Job
from airflow_provider_hads.model.plan import Placement, Plan, PlannedVm
from airflow_provider_hads.planning import PlanRequest, get_planner, render_plan
from airflow_provider_hads.planning.choices import PlanChoices
from airflow_provider_hads.runtime.market_prices import market_prices

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.workshop import Workshop

__all__ = ["Scheduled", "make_plan"]


@dataclass(frozen=True)
class Scheduled:
    """A plan, and what is to be told of it.

    :param figures: what the report compares with.
    :param story: lines for the log.
    """

    plan: Plan
    figures: dict[str, Any]
    story: tuple[str, ...]


def make_plan(workshop: Workshop, choices: PlanChoices, *, use_map: bool) -> Scheduled:
    """Refresh the prices and make the plan, or take the given one at today's prices.

    :param choices: what the user has chosen, where a plan is made.
    :param use_map: follow the run's ``map.json``.
    :raises InfeasibleJob: no plan meets the deadline.
    :raises InputError: there is no ``map.json`` to follow.
    """
    environment, notes = workshop.refresh_prices()
    job = replace(workshop.inputs.job, tasks=workshop.open_tasks())
    if not job.tasks:
        nothing = Plan(job.id, job.name, choices.planner, workshop.run.deadline, ())
        return Scheduled(
            nothing, _figures(workshop, nothing, environment, None), ("All results are published already.",)
        )
    request = plan_request(workshop, environment, job, choices)
    plan = _given_plan(workshop, environment) if use_map else get_planner(choices.planner)(request)
    on_demand_cost = _on_demand_cost(request)
    table = render_plan(plan, environment, on_demand_cost)
    late = [f"Note: {note}" for note in lateness(plan, request.lead_time)] if use_map else []
    return Scheduled(
        plan, _figures(workshop, plan, environment, on_demand_cost), (*notes, *table.splitlines(), *late)
    )


def plan_request(workshop: Workshop, environment: Environment, job: Job, choices: PlanChoices) -> PlanRequest:
    """Return the planner's request: VMs are ready ``boot_overhead`` after the run's start."""
    settings = workshop.inputs.settings
    lead_time = settings.ec2.boot_overhead
    return choices.request(
        job,
        environment,
        settings,
        deadline=workshop.run.deadline,
        lead_time=lead_time,
        clock=time.monotonic,
    )


def _given_plan(workshop: Workshop, environment: Environment) -> Plan:
    plan = workshop.inputs.plan
    if plan is None:
        raise InputError("DAG params", "use_map", "true, but the job's folder has no map.json; switch it off")
    open_tasks = workshop.open_tasks()
    vms = [replace(vm, price=_price(vm, environment), placements=_open(vm, open_tasks)) for vm in plan.vms]
    return replace(plan, vms=tuple(vm for vm in vms if vm.placements), deadline=workshop.run.deadline)


def _open(vm: PlannedVm, open_tasks: Container[str]) -> tuple[Placement, ...]:
    return tuple(placement for placement in vm.placements if placement.task_id in open_tasks)


def _price(vm: PlannedVm, environment: Environment) -> float:
    """Return today's price of a VM; the price in a map is that of the day it was made."""
    return environment.instance_types[vm.instance_type].prices.get(vm.market, vm.price)


def _on_demand_cost(request: PlanRequest) -> float | None:
    try:
        return get_planner("on-demand")(request).cost
    except InfeasibleJob:
        return None


def _figures(
    workshop: Workshop, plan: Plan, environment: Environment, on_demand_cost: float | None
) -> dict[str, Any]:
    return {
        "generation": workshop.run.generation,
        "planner": plan.planner,
        "deadline": workshop.run.deadline,
        "d_spot": plan.d_spot,
        "makespan": plan.makespan,
        "cost": plan.cost,
        "on_demand_cost": on_demand_cost,
        "prices": {vm.id: vm.price for vm in plan.vms},
        "market_prices": market_prices(environment),
    }
