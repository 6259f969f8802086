"""A run's report: what it cost, how long it took, and what it would have cost otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hads.control.decisions import all_decisions
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import TaskState

__all__ = ["make_report", "render_report"]


def make_report(
    run: str,
    snapshot: Mapping[str, Any],
    figures: Mapping[str, Any],
    fleet: Iterable[Mapping[str, Any]],
    kept: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return the report as a JSON-able document.

    :param run: ``<job>_<execution>``.
    :param snapshot: the controller's last snapshot; empty where it published none.
    :param figures: the plan's figures; empty where there was no plan.
    :param fleet: the run's VMs with ``vm_id``, ``instance_type``, ``market``, ``launched_at`` and
        ``ended_at`` (ISO times; the end as it was seen), with ``price`` where the cloud tells it, and with
        ``stopped_at`` where it was off at the end.
    :param kept: decisions that the snapshot need not have any more, in parts, each by the number of its
        first one; None is none.
    """
    seen = _seen_vms(snapshot)
    vms = [_vm(vm, seen.get(vm["instance_id"], {}), figures, snapshot) for vm in fleet]
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
        "miss": snapshot.get("miss"),
        "tasks": len(tasks),
        "finished": states[TaskState.FINISHED.value],
        "failed": {task_id: task["reason"] for task_id, task in tasks.items() if task["state"] == "failed"},
        "cost": sum(vm["cost"] for vm in vms),
        "planned_cost": figures.get("cost"),
        "on_demand_cost": figures.get("on_demand_cost"),
        "same_vms_on_demand": _cost_at(vms, "on_demand_price"),
        "vms": vms,
        "decisions": [_decision(one, vms) for one in all_decisions(kept or {}, snapshot)],
        "decided": snapshot.get("decided", {}),
    }


def render_report(report: Mapping[str, Any]) -> str:
    """Return the report as plain text for a log."""
    lines = [f"Report of run {report['run']}", ""]
    lines.extend(_vm_lines(report["vms"]))
    lines.extend(_rebalance_lines(report["vms"]))
    lines.append("")
    lines.append(f"Tasks: {report['finished']} of {report['tasks']} finished")
    lines.extend(f"  task {task_id} failed: {reason}" for task_id, reason in report["failed"].items())
    if report["makespan"] is not None:
        lines.append(f"Last task finished {report['makespan']:.1f} s after the start; {_verdict(report)}")
    lines.extend(_miss_lines(report))
    lines.append(f"Cost: ${report['cost']:.5f}, boot included")
    lines.extend(_comparisons(report))
    lines.extend(_decision_lines(report))
    return "\n".join(lines)


def _verdict(report: Mapping[str, Any]) -> str:
    if report["deadline_met"]:
        return "deadline met"
    in_time = report["deadline"] is not None and report["makespan"] <= report["deadline"]
    return "not all tasks finished by the deadline" if in_time else "deadline missed"


def _miss_lines(report: Mapping[str, Any]) -> Iterator[str]:
    if report["miss"] is not None:
        miss = report["miss"]
        yield f"The deadline was known to be missed {miss['at']:.1f} s after the start: {miss['reason']}"


def _decision_lines(report: Mapping[str, Any]) -> Iterator[str]:
    counts = sorted(report["decided"].items(), key=lambda item: (-item[1], item[0]))
    if counts:
        yield "Decisions: " + ", ".join(f"{count} {reason}" for reason, count in counts)
    made, told = sum(report["decided"].values()), len(report["decisions"])
    if told < made:
        yield f"{made - told} of these are not told one by one: the bucket could not be used then"


def _seen_vms(snapshot: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the VMs as the controller saw them, by instance id."""
    return {vm["instance_id"]: vm for vm in snapshot.get("vms", {}).values() if vm["instance_id"]}


def _vm(
    vm: Mapping[str, Any], seen: Mapping[str, Any], figures: Mapping[str, Any], snapshot: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a VM with what it has cost: from its launch to its end, less the time hibernated or stopped.

    The cloud tells no launch but that of the last start, and often no end; the controller has seen both.
    """
    launched = datetime.fromisoformat(seen.get("launched_at") or vm["launched_at"])
    ended, slept = datetime.fromisoformat(vm["ended_at"]), seen.get("slept", 0.0)
    if seen:
        started_at = datetime.fromisoformat(snapshot["started_at"])
        if seen["ended_at"] is not None:
            seen_ended = started_at + timedelta(seconds=seen["ended_at"])
            # Its sleep was reckoned until then; of one that was awake the cloud may know an earlier end.
            ended = seen_ended if seen.get("ended_asleep") else min(ended, seen_ended)
    follower = snapshot.get("followers", {}).get(vm["instance_id"])
    if follower is not None:
        slept = follower["slept"]
        launched = _first_seen(launched, follower, snapshot)
    if (off := _off_since(vm, follower or seen, snapshot)) is not None:
        slept += max((ended - off).total_seconds(), 0.0)
    seconds = max((ended - launched).total_seconds() - slept, 0.0)
    price = _price(vm, seen, figures)
    prices = figures.get("market_prices", {}).get(vm["instance_type"], {})
    return {
        **vm,
        "launched_at": launched.isoformat(),
        "price": price,
        "on_demand_price": prices.get(Market.ON_DEMAND.value),
        "slept": round(slept, 1),
        "rebalance_at": seen.get("rebalance_at"),
        "seconds": round(seconds, 1),
        "cost": seconds * price / 3600,
    }


def _first_seen(launched: datetime, follower: Mapping[str, Any], snapshot: Mapping[str, Any]) -> datetime:
    """Return when a VM was launched: of one that has ended the cloud tells no launch but the last start."""
    if follower.get("first") is None:
        return launched
    return min(
        launched, datetime.fromisoformat(snapshot["started_at"]) + timedelta(seconds=follower["first"])
    )


def _off_since(
    vm: Mapping[str, Any], seen: Mapping[str, Any], snapshot: Mapping[str, Any]
) -> datetime | None:
    """Return since when a VM was off at its end: as the controller has seen it, or as the cloud tells it."""
    if seen.get("asleep_since") is not None:
        return datetime.fromisoformat(snapshot["started_at"]) + timedelta(seconds=seen["asleep_since"])
    return datetime.fromisoformat(vm["stopped_at"]) if vm.get("stopped_at") else None


def _price(vm: Mapping[str, Any], seen: Mapping[str, Any], figures: Mapping[str, Any]) -> float:
    """Return a VM's price, $/h: as the cloud tells it, or as it was planned, or as its market has it."""
    if "price" in vm:
        return float(vm["price"])
    if "price" in seen:
        return float(seen["price"])
    market = figures.get("market_prices", {}).get(vm["instance_type"], {}).get(vm["market"], 0.0)
    return float(figures.get("prices", {}).get(vm["vm_id"], market))


def _cost_at(vms: Iterable[Mapping[str, Any]], price: str) -> float | None:
    """Return what the same VMs would have cost at other prices; None where one has no such price."""
    costs = [vm["seconds"] * vm[price] / 3600 if vm[price] is not None else None for vm in vms]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _decision(decision: Mapping[str, Any], vms: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a decision with what its VM costs an hour, and would cost on demand."""
    vm = next((one for one in vms if one["vm_id"] == decision["vm"]), None)
    prices = {"price": vm["price"], "on_demand_price": vm["on_demand_price"]} if vm is not None else {}
    return {**decision, **prices}


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


def _rebalance_lines(vms: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for vm in vms:
        if vm["rebalance_at"] is not None:
            yield f"  {vm['vm_id']}: rebalance recommended {vm['rebalance_at']:.0f} s after the start"


def _comparisons(report: Mapping[str, Any]) -> Iterator[str]:
    same, planned = report["same_vms_on_demand"], report["on_demand_cost"]
    if same and same > report["cost"] * 1.001:
        share = (same - report["cost"]) / same * 100
        yield f"The same VMs on demand: ${same:.5f}; saved {share:.1f} %"
    if planned:
        compared = "Cheapest plan found on on-demand VMs only, none burstable"
        yield f"{compared}: ${planned:.5f} by the estimates, without boot"
