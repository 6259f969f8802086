"""A run's report: what it cost, how long it took, and what it would have cost otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hads.model.run_state import TaskState

__all__ = ["make_report", "render_report"]


def make_report(
    run: str, snapshot: Mapping[str, Any], figures: Mapping[str, Any], fleet: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the report as a JSON-able document.

    :param run: ``<job>_<execution>``.
    :param snapshot: the controller's last snapshot; empty where it published none.
    :param figures: the plan's figures; empty where there was no plan.
    :param fleet: the run's VMs with ``vm_id``, ``instance_type``, ``market``, ``launched_at`` and
        ``ended_at`` (ISO times; the end as it was seen).
    """
    seen_ends = _seen_ends(snapshot)
    vms = [_vm(vm, figures.get("prices", {}).get(vm["vm_id"], 0.0), seen_ends) for vm in fleet]
    tasks = snapshot.get("tasks", {})
    states = Counter(task["state"] for task in tasks.values())
    makespan = _makespan(tasks.values())
    deadline = figures.get("deadline")
    finished = bool(tasks) and states[TaskState.FINISHED.value] == len(tasks)
    return {
        "run": run,
        "deadline": deadline,
        "makespan": makespan,
        "deadline_met": finished and makespan is not None and deadline is not None and makespan <= deadline,
        "tasks": len(tasks),
        "finished": states[TaskState.FINISHED.value],
        "failed": {task_id: task["reason"] for task_id, task in tasks.items() if task["state"] == "failed"},
        "cost": sum(vm["cost"] for vm in vms),
        "planned_cost": figures.get("cost"),
        "on_demand_cost": figures.get("on_demand_cost"),
        "same_vms_on_demand": _cost_at(vms, figures.get("on_demand_prices", {})),
        "vms": vms,
    }


def render_report(report: Mapping[str, Any]) -> str:
    """Return the report as plain text for a log."""
    lines = [f"Report of run {report['run']}", ""]
    lines.extend(_vm_lines(report["vms"]))
    lines.append("")
    lines.append(f"Tasks: {report['finished']} of {report['tasks']} finished")
    lines.extend(f"  task {task_id} failed: {reason}" for task_id, reason in report["failed"].items())
    if report["makespan"] is not None:
        lines.append(f"Last task finished {report['makespan']:.1f} s after the start; {_verdict(report)}")
    lines.append(f"Cost: ${report['cost']:.5f}, boot included")
    lines.extend(_comparisons(report))
    return "\n".join(lines)


def _verdict(report: Mapping[str, Any]) -> str:
    if report["deadline_met"]:
        return "deadline met"
    in_time = report["deadline"] is not None and report["makespan"] <= report["deadline"]
    return "not all tasks finished by the deadline" if in_time else "deadline missed"


def _seen_ends(snapshot: Mapping[str, Any]) -> dict[str, datetime]:
    """Return when the controller saw instances end, by instance id."""
    if not snapshot:
        return {}
    started_at = datetime.fromisoformat(snapshot["started_at"])
    return {
        vm["instance_id"]: started_at + timedelta(seconds=vm["ended_at"])
        for vm in snapshot["vms"].values()
        if vm["ended_at"] is not None
    }


def _vm(vm: Mapping[str, Any], price: float, seen_ends: Mapping[str, datetime]) -> dict[str, Any]:
    launched = datetime.fromisoformat(vm["launched_at"])
    told = datetime.fromisoformat(vm["ended_at"])
    ended = min(told, seen_ends.get(vm["instance_id"], told))
    seconds = max((ended - launched).total_seconds(), 0.0)
    return {**vm, "price": price, "seconds": round(seconds, 1), "cost": seconds * price / 3600}


def _cost_at(vms: Iterable[Mapping[str, Any]], prices: Mapping[str, float]) -> float | None:
    """Return what the same VMs would have cost at other prices; None where one has no such price."""
    costs = [vm["seconds"] * prices[vm["vm_id"]] / 3600 if vm["vm_id"] in prices else None for vm in vms]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _makespan(tasks: Iterable[Mapping[str, Any]]) -> float | None:
    ends = [
        attempt["ended_at"]
        for task in tasks
        for attempt in task["attempts"]
        if attempt["state"] == "finished" and attempt["ended_at"] is not None
    ]
    return max(ends, default=None)


def _vm_lines(vms: Iterable[Mapping[str, Any]]) -> list[str]:
    header = f"{'VM':<20} {'type':<14} {'market':<10} {'seconds':>8} {'$/h':>8} {'cost $':>10}"
    rows = [
        f"{vm['vm_id']:<20.20} {vm['instance_type']:<14} {vm['market']:<10} {vm['seconds']:>8.1f} "
        f"{vm['price']:>8.4f} {vm['cost']:>10.6f}"
        for vm in vms
    ]
    return [header, *rows] if rows else ["No VM was launched."]


def _comparisons(report: Mapping[str, Any]) -> Iterator[str]:
    same, planned = report["same_vms_on_demand"], report["on_demand_cost"]
    if same and same > report["cost"] * 1.001:
        share = (same - report["cost"]) / same * 100
        yield f"The same VMs on demand: ${same:.5f}; saved {share:.1f} %"
    if planned:
        yield f"Cheapest plan found on on-demand VMs only: ${planned:.5f} by the estimates, without boot"
