"""What the policies cost on the published experiments: ``make bench-control``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from airflow_provider_hads.control import Observation, decide
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.inputs import load_job_folder
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.model.run_state import RunState
from airflow_provider_hads.simulation import Experiment, Scope, Setting, run_experiment, simulate
from airflow_provider_hads.simulation.machine import Phase
from airflow_provider_hads.simulation.planned_fleet import PLANNERS, planned_fleet
from airflow_provider_hads.simulation.setting import SCENARIOS
from tests.benchmarks.control_traces import recorded, trace_tables
from tests.support.hand_driven_run import HandDrivenRun

DEADLINE = 2700.0
PUBLISHED = {"HADS": (33, 48, 96, 47, 68, 79), "Burst-HADS": (48, 54, 67, 53, 78, 63)}
"""Share of the cost on demand, %, of 80 tasks: baseline, c1 to c5 (IEEE TCC 11(1), 2023)."""


def row(name: str, cells: list[str]) -> None:
    print(f"{name:<34}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def policies(data: Path, job: str, runs: int) -> None:
    """Print what every policy costs in every scenario, beside what was published."""
    mission = published_mission(data, job)
    print(
        f"\nJob {job}, deadline {DEADLINE:g} s, {runs} runs a scenario: share of the cost on demand; "
        "plans by the safe D_spot"
    )
    row("", [*SCENARIOS, "deadline met"])
    for name, figures in PUBLISHED.items() if job == "552p" else ():
        row(f"published: {name}", [f"{figure} %" for figure in figures])
    for policy in (name for name in policy_names() if name != "on-demand-only"):
        scenarios(replace(mission, policy=policy), runs)


def scenarios(mission: Mission, runs: int) -> None:
    """Print a policy's rows; one that follows a plan starts with the VMs of its own planner's."""
    try:
        vms = planned_fleet(mission, DEADLINE)
    except InfeasibleJob as error:
        print(f"{mission.policy}: {error}")
        return
    planner = PLANNERS.get(mission.policy)
    plan = f", plan by {planner}" if planner is not None else ""
    for scope in (Scope.VM, Scope.TYPE):
        cells, met = [], 0
        for hibernation, resume in SCENARIOS.values():
            world = Setting(hibernation, resume, scope=scope)
            figures = run_experiment(Experiment(mission, DEADLINE, world, runs, vms)).to_json()
            share, late = figures["cost_share"], runs - figures["deadlines_met"]
            cells.append((f"{share:.1%}" if share else "no base") + (f" ({late} late)" if late else ""))
            met += figures["deadlines_met"]
        row(f"{mission.policy}{plan}, per {scope}", [*cells, f"{met} of {runs * len(SCENARIOS)}"])


def estimates(mission: Mission, runs: int) -> None:
    """Print how many deadlines are met where tasks take longer or shorter than estimated."""
    fastest = fastest_seconds(mission) + mission.safety
    print(f"\nEstimates wrong by a lognormal factor (sigma 0.2), {runs} runs: deadlines met")
    row("deadline", list(SCENARIOS))
    for slack in (1.1, 1.5, 2.0, DEADLINE / fastest):
        cells = []
        for rates in SCENARIOS.values():
            world = Setting(*rates, estimate_error=0.2)
            figures = run_experiment(Experiment(mission, slack * fastest, world, runs)).to_json()
            cells.append(f"{figures['deadline_met']:.1%}")
        row(f"{slack * fastest:.0f} s, {slack:.2f} x the quickest plan", cells)


def speed(mission: Mission, runs: int) -> None:
    """Print how many runs of a small job a second takes, and how the time grows with the job."""
    print(f"\nRuns a second of job {mission.job.id}, {len(mission.order)} tasks, {runs} runs, processor time")
    row("", list(SCENARIOS))
    cells = []
    for rates in SCENARIOS.values():
        start = time.process_time()
        for run in range(runs):
            simulate(mission, DEADLINE, Setting(*rates), run)
        cells.append(f"{runs / (time.process_time() - start):.0f}")
    row("adaptive, per vm", cells)
    print("\nTime of a whole run, and of a step, by size (spot VMs interrupted every 2100 s), processor time")
    row("tasks / most VMs of a type", ["s", "ms a step", "us a step, VM", "deadline met"])
    for tasks, vms in ((1000, 50), (2000, 100), (5000, 250), (10000, 500)):
        big = large(tasks, vms)
        start = time.process_time()
        outcome = simulate(big, DEADLINE, Setting(1 / 2100, 1 / 420))
        seconds = time.process_time() - start
        step = 1000 * seconds / outcome.steps
        cells = [f"{seconds:.1f}", f"{step:.2f}", f"{1000 * step / vms:.1f}", str(outcome.deadline_met)]
        row(f"{tasks} / {vms}", cells)


def decisions() -> None:
    """Print how the time of one decision grows: from a stored state, on the news that a VM has hibernated."""
    print("\nOne decision on a hibernation, from a stored state to the next, processor time")
    row("tasks / VMs of the fleet", ["ms", "us a task", "planning anew", "us a task"])
    for tasks, most in ((100, 5), (300, 15), (1000, 50), (3000, 150), (10000, 500)):
        run = HandDrivenRun(large(tasks, most), 2500.0, Setting())
        run.pass_time(400.0)
        run.cloud.interrupt(run.machines(Phase.UP)[:1], run.cloud.now)
        seen, state = run.cloud.observe(), run.ledger.close()
        cells = []
        for known in (state, replace(state, safe_until=None)):
            ms = 1000 * min(_seconds(known, seen, run) for _ in range(3))
            cells += [f"{ms:.1f}", f"{1000 * ms / tasks:.1f}"]
        alive = sum(one.phase is not Phase.GONE for one in run.cloud.machines.values())
        row(f"{tasks} / {alive}", cells)


def _seconds(state: RunState, seen: Observation, run: HandDrivenRun) -> float:
    start = time.process_time()
    decide(state, seen, run.ledger.moment(run.cloud.now), run.rules, run.mission)
    return time.process_time() - start


def large(tasks: int, vms: int) -> Mission:
    """Return a job of tasks of 100 to 400 s."""
    bag = {
        str(number): Task(
            str(number), "true", 100.0, {"small": 100.0 + number * 7 % 301, "big": 95.0 + number * 7 % 301}
        )
        for number in range(tasks)
    }
    limits = dict.fromkeys(Market, vms)
    kinds = {
        name: InstanceType(
            name, vcpus, 8000.0, 10.0, {Market.SPOT: price * 0.3, Market.ON_DEMAND: price}, limits
        )
        for name, vcpus, price in (("small", 2, 0.1), ("big", 4, 0.2))
    }
    return Mission(Job("1", "large", bag), Environment(kinds, limits))


def published_mission(data: Path, job: str) -> Mission:
    """Return the terms of a published job, by the default policy."""
    inputs = load_job_folder(data / "hads" / job, with_application_files=False, with_map=False)
    return Mission(inputs.job, inputs.environment)


TABLES: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "552p": lambda given: policies(given.data, "552p", given.runs),
    "estimates": lambda given: estimates(published_mission(given.data, "552p"), given.runs),
    "speed": lambda given: speed(published_mission(given.data, "552p"), min(given.runs, 100)),
    "decisions": lambda given: decisions(),
    "551": lambda given: policies(given.data, "551", given.runs),
    "traces": lambda given: trace_tables(recorded(given.data / "spot-traces"), given.offsets, row),
}
"""What can be printed, by name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables.

    :param arguments: the command line; None is the process's own.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=TABLES, help="the only one to print; default: all")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--offsets", type=int, default=10, help="random starts in each spot trace")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        sys.exit(f"{given.data} is not there: give the published inputs' folder with --data")
    for name in TABLES if given.table is None else (given.table,):
        TABLES[name](given)


if __name__ == "__main__":
    main()
