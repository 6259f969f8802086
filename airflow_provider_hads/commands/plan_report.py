"""A plan as a text, and as a JSON object for programs."""

from __future__ import annotations

import json
import math
from typing import Any

from airflow_provider_hads.commands.plan_options import PlanOptions
from airflow_provider_hads.commands.planning_result import PlanningResult
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import PlannedVm
from airflow_provider_hads.planning import render_plan

__all__ = ["plan_document", "refusal_document", "render_refusal", "render_result"]


def render_result(options: PlanOptions, result: PlanningResult) -> str:
    """Return the table of the VMs, the totals, the comparisons, what boot takes, and where the files are."""
    lines = [
        render_plan(result.plan, options.request.environment, result.on_demand_cost),
        *_bound_lines(result),
        *_boot_lines(options, result),
        f"Planned in {result.seconds:.2f} s: objective {options.request.objective}, "
        f"seed {options.request.seed}, {_mode(options)}",
    ]
    lines += [f"Map: {options.output}"] if options.output is not None else []
    lines += [f"Plot: {options.plot}"] if options.plot is not None else []
    return "\n".join(lines)


def _bound_lines(result: PlanningResult) -> list[str]:
    if result.lower_bound is None or result.gap is None:
        return []
    bound = f"No plan without burstable VMs costs less than ${result.lower_bound:.5f}"
    return [f"{bound}; this one is {abs(result.gap) * 100:.2f} % above"]


def _boot_lines(options: PlanOptions, result: PlanningResult) -> list[str]:
    """Return what boot, which plans are compared without, means for a run."""
    request, end = options.request, result.plan.makespan
    boot, left = request.boot, request.deadline - request.boot
    if not boot:
        return []
    tasks = f"so its tasks have {max(left, 0.0):g} s"
    lines = [f"Boot is not counted here: a run allows {boot:g} s for it (boot_overhead), {tasks}."]
    if end > left:
        late = f"ends at {math.ceil(end + boot)} s, after the deadline of {request.deadline:g} s"
        lines.append(f"WARNING: with boot it {late}: a run would have to plan anew,")
        enough = f"{math.ceil(request.deadline + boot)} s"  # all but the deadline is then as it is here
        lines.append(f"and is refused where no plan is found; with a deadline of {enough} it has this plan.")
    return lines


def render_refusal(options: PlanOptions, refusal: InfeasibleJob) -> str:
    """Return why there is no plan, and that a run needs still more time."""
    boot, smallest = options.request.boot, refusal.smallest_deadline
    if not boot:
        return str(refusal)
    more = "more" if smallest is None else f"more, {math.ceil(smallest + boot)} s in all"
    return f"{refusal}\nBoot is not counted here: a run needs {boot:g} s (boot_overhead) {more}."


def _mode(options: PlanOptions) -> str:
    return "one task a core" if options.request.parallel else "one task a VM"


def plan_document(options: PlanOptions, result: PlanningResult) -> str:
    """Return the plan as a JSON object; costs in dollars, times in seconds, without boot."""
    plan = result.plan
    content = {
        **_header(options),
        "feasible": True,
        "cost": plan.cost,
        "makespan": plan.makespan,
        "d_spot": plan.d_spot,
        "lower_bound": result.lower_bound,
        "gap": result.gap,
        "vms": [_vm(vm) for vm in plan.vms],
        "seconds": result.seconds,
        "on_demand_cost": result.on_demand_cost,
    }
    return json.dumps(content, allow_nan=False)


def refusal_document(options: PlanOptions, refusal: InfeasibleJob) -> str:
    """Return a JSON object that says why there is no plan; what only a plan has is null."""
    nothing = ("cost", "makespan", "d_spot", "lower_bound", "gap", "seconds", "on_demand_cost")
    content = {
        **_header(options),
        "feasible": False,
        **dict.fromkeys(nothing),
        "vms": [],
        "limit": refusal.limit,
        "smallest_deadline": refusal.smallest_deadline,
        "message": str(refusal),
    }
    return json.dumps(content, allow_nan=False)


def _header(options: PlanOptions) -> dict[str, Any]:
    request = options.request
    return {
        "feasible": None,
        "planner": options.planner,
        "job": request.job.id,
        "tasks": len(request.job.tasks),
        "deadline": request.deadline,
        "spot_deadline": request.spot_deadline.value,
        "objective": request.objective.value,
        "parallel": request.parallel,
        "seed": request.seed,
    }


def _vm(vm: PlannedVm) -> dict[str, Any]:
    return {
        "id": vm.id,
        "type": vm.instance_type,
        "market": vm.market.value,
        "price": vm.price,
        "end": vm.end,
        "cost": vm.cost,
        "cpu_share": vm.cpu_share,
        "tasks": list(vm.task_ids),
    }
