"""What the policies cost on recorded spot availability (SkyPilot's traces, NSDI 2024)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import OnLoss, Outcome, Setting, simulate
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["recorded", "trace_tables"]

HOUR = 3600.0
PRICES = {Market.SPOT: 0.918, Market.ON_DEMAND: 3.06}
LONG_TASK = tuple((deadline * HOUR, boot) for deadline in (52, 70) for boot in (180.0, 720.0))
"""Deadline and changeover, seconds, of one task of 48 h that keeps its progress."""

Row = Callable[[str, list[str]], None]
Run = Callable[[str, int], Outcome]


def recorded(folder: Path) -> Mapping[str, Trace]:
    """Return the traces of a folder by name."""
    return {
        f"{path.parent.parent.name} {path.stem}": Trace.from_document(json.loads(path.read_text()))
        for path in sorted(folder.rglob("*.json"))
    }


def trace_tables(traces: Mapping[str, Trace], offsets: int, row: Row) -> None:
    """Print `adaptive` as a share of `uniform-progress`, each started at the same random offsets.

    :param offsets: how many, for each trace and setting.
    """
    print(f"\nOne task of 48 h with continuous checkpoints, {offsets} offsets: share of uniform-progress")
    row("trace", [f"{d / HOUR:g} h, {b:g} s" for d, b in LONG_TASK] + ["all", "$"])
    print_shares(traces, [long_task(*setting) for setting in LONG_TASK], offsets, row)
    print(
        f"\n100 tasks of 30 min, 20 + 20 VMs of one slot, 4 h, {offsets} offsets: share of uniform-progress"
    )
    row("trace", ["lost VMs end", "or hibernate", "all", "$"])
    print_shares(traces, [bag(OnLoss.TERMINATE), bag(OnLoss.HIBERNATE)], offsets, row)


def print_shares(
    traces: Mapping[str, Trace], settings: Sequence[Callable[[Trace], Run]], offsets: int, row: Row
) -> None:
    """Print a row for each trace, and the mean of the shares."""
    shares = []
    for name, trace in traces.items():
        costs = [both(setting(trace), offsets) for setting in settings]
        share = sum(ours for ours, _, _ in costs) / sum(theirs for _, theirs, _ in costs)
        cells = [f"{ours / theirs:.3f}{late}" for ours, theirs, late in costs]
        row(name, [*cells, f"{share:.3f}", f"{sum(ours for ours, _, _ in costs) / len(costs):.2f}"])
        shares.append(share)
    row("mean of the traces", [f"{sum(shares) / len(shares):.3f}", f"most {max(shares):.3f}"])


def both(run: Run, offsets: int) -> tuple[float, float, str]:
    """Return the mean cost of `adaptive` and of `uniform-progress`, and how many runs were late, if any."""
    ours, theirs = (
        [run(policy, number) for number in range(offsets)] for policy in ("adaptive", "uniform-progress")
    )
    late = sum(not one.deadline_met for one in (*ours, *theirs))
    cost = [sum(one.cost for one in outcomes) / offsets for outcomes in (ours, theirs)]
    return cost[0], cost[1], f" ({late} late)" if late else ""


def long_task(deadline: float, boot: float) -> Callable[[Trace], Run]:
    """Return runs of one long task."""

    def on(trace: Trace) -> Run:
        world = Setting(traces={"vm": trace}, on_loss=OnLoss.TERMINATE, boot=boot, checkpoint=0.0)

        def run(policy: str, number: int) -> Outcome:
            return simulate(mission(policy, [48 * HOUR], 1, boot, world), deadline, world, number)

        return run

    return on


def bag(on_loss: OnLoss) -> Callable[[Trace], Run]:
    """Return runs of many short tasks that lose their progress."""

    def on(trace: Trace) -> Run:
        world = Setting(traces={"vm": trace}, on_loss=on_loss, boot=180.0)

        def run(policy: str, number: int) -> Outcome:
            return simulate(mission(policy, [1800.0] * 100, 20, 180.0, world), 4 * HOUR, world, number)

        return run

    return on


def mission(policy: str, runtimes: Sequence[float], limit: int, boot: float, world: Setting) -> Mission:
    """Return tasks for VMs of one slot, of which so many may run in each market."""
    limits = dict.fromkeys(Market, limit)
    kind = InstanceType("vm", 1, 61000.0, 10.0, PRICES, limits)
    tasks = {
        str(number): Task(str(number), "true", 100.0, {"vm": seconds})
        for number, seconds in enumerate(runtimes)
    }
    return Mission(
        Job("1", "trace", tasks),
        Environment({"vm": kind}, limits),
        policy,
        boot=boot,
        keeps_progress=world.checkpoint == 0,
    )
