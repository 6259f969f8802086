"""A plan as a table of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from airflow_provider_hads.model import Environment, Plan, PlannedVm

__all__ = ["WIDTH", "render_plan"]

WIDTH = 100
"""No line is longer."""
NAME_WIDTH = 16
GIVEN = "given"
"""What a map that was written by hand names as its planner."""
HEADER = ("VM", "type", "market", "cores", "end s", "cost $", "tasks")
RIGHT_ALIGNED = ("cores", "end s", "cost $")


def render_plan(
    plan: Plan, environment: Environment | None = None, on_demand_cost: float | None = None
) -> str:
    """Return a plan as text, one line a VM, no line over 100 characters.

    :param environment: gives the number of cores of each type; without it only those in use are shown.
    :param on_demand_cost: dollars of the cheapest on-demand-only plan known, for the savings.
    """
    rows = [_row(vm, environment) for vm in plan.vms]
    lines = _aligned([HEADER, *rows])
    return "\n".join([_title(plan), "", *lines, "", *_totals(plan, on_demand_cost)])


def _title(plan: Plan) -> str:
    name = f" ({plan.job_name})" if plan.job_name not in ("", plan.job_id) else ""
    origin = "as given" if plan.planner == GIVEN else f"by {plan.planner}"
    return _clipped(f"Plan of job {plan.job_id}{name}, {origin}", WIDTH)


def _row(vm: PlannedVm, environment: Environment | None) -> tuple[str, ...]:
    used = len({place.core for place in vm.placements})
    kind = environment.instance_types.get(vm.instance_type) if environment else None
    return (
        _clipped(vm.id, NAME_WIDTH),
        _clipped(vm.instance_type, NAME_WIDTH),
        str(vm.market) if vm.cpu_share is None else f"{vm.market}, baseline {vm.cpu_share * 100:g} %",
        f"{used}/{kind.vcpus}" if kind else str(used),
        f"{vm.end:.0f}",
        f"{vm.cost:.5f}",
        f"{len(vm.placements)}: {' '.join(vm.task_ids)}",
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines with columns of equal width; the last column takes what is left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if name in RIGHT_ALIGNED else cell.ljust(width)
            for name, cell, width in zip(HEADER, row, widths, strict=False)
        ]
        start = "  ".join([*cells, ""])
        lines.append(start + _clipped(row[-1], WIDTH - len(start)))
    return [line.rstrip() for line in lines]


def _totals(plan: Plan, on_demand_cost: float | None) -> list[str]:
    tasks = len(list(chain.from_iterable(vm.placements for vm in plan.vms)))
    lines = [
        f"{_number(len(plan.vms), 'VM')}, {_number(tasks, 'task')}: ${plan.cost:.5f}, {plan.makespan:.0f} s "
        f"(both without boot); the deadline is {plan.deadline:.0f} s"
    ]
    if plan.d_spot is not None:
        rule = f" ({plan.d_spot_rule})" if plan.d_spot_rule else ""
        lines.append(f"D_spot, the latest end of spot work: {plan.d_spot:.0f} s{rule}")
    if on_demand_cost is not None:
        savings = _savings(plan.cost, on_demand_cost)
        lines.append(f"On-demand VMs only, none burstable: ${on_demand_cost:.5f}{savings}")
    return lines


def _savings(cost: float, on_demand_cost: float) -> str:
    if on_demand_cost <= 0:
        return ""
    share = (on_demand_cost - cost) / on_demand_cost * 100
    return f"; this plan costs {abs(share):.1f} % {'less' if share >= 0 else 'more'}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _clipped(text: str, width: int) -> str:
    """Shorten a text to a width; two dots stand for what was left out."""
    return text if len(text) <= width else text[: max(width - 3, 0)].rstrip() + " .."
