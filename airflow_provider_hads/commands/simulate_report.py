"""What ``airflow hads simulate`` shows and writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow_provider_hads.commands.output_file import write_text
from airflow_provider_hads.commands.progress import Progress
from airflow_provider_hads.commands.simulate_options import SimulateOptions
from airflow_provider_hads.commands.terminal import write_line
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.simulation import Billing, Summary, run_experiment, simulate

__all__ = ["report"]


def report(options: SimulateOptions) -> None:
    """Simulate, write what is to be written, and print the figures."""
    experiment = options.experiment
    progress = Progress(experiment.runs)
    summary = run_experiment(experiment, progress)
    figures = {
        "job": experiment.mission.job.id,
        "policy": experiment.mission.policy,
        "deadline": experiment.deadline,
        **summary.to_json(),
        "runs_per_second": round(experiment.runs / max(progress.seconds, 1e-9), 1),
    }
    _write_files(options)
    if options.plot_costs is not None:
        _plot_costs(options, summary, options.plot_costs)
    if options.as_json:
        write_line(sys.stdout, json.dumps(figures))
    else:
        write_line(sys.stdout, _table(figures))


def _write_files(options: SimulateOptions) -> None:
    if options.events is None and options.plot is None:
        return
    one = options.experiment
    outcome = simulate(one.mission, one.deadline, one.setting, options.run, events=True, vms=one.vms)
    if options.events is not None:
        write_text(options.events, "".join(json.dumps(event) + "\n" for event in outcome.events))
    if options.plot is not None:
        from airflow_provider_hads.simulation.plot import render_run

        write_text(options.plot, render_run(outcome.events))


def _plot_costs(options: SimulateOptions, summary: Summary, path: Path) -> None:
    from airflow_provider_hads.simulation.cost_plot import render_costs

    mission = options.experiment.mission
    costs = {mission.policy: [one.cost for one in summary.outcomes]}
    missing = dict(options.missing)
    for name, experiment in options.others.items():
        try:
            outcomes = run_experiment(experiment, Progress(experiment.runs)).outcomes
            costs[name] = [one.cost for one in outcomes]
        except InfeasibleJob as error:
            missing[name] = str(error)
    for name, reason in missing.items():
        write_line(sys.stderr, f"--plot-costs: policy {name} is not drawn: {reason}")
    write_text(path, render_costs(mission.job.id, costs, summary.on_demand_cost, missing))


def _table(figures: dict[str, Any]) -> str:
    cost, makespan = figures["cost"], figures["makespan"]
    share = figures["cost_share"]
    on_demand = figures["on_demand_cost"]
    lines = [
        f"Job {figures['job']}, policy {figures['policy']}, deadline {figures['deadline']:g} s, "
        f"{figures['runs']} runs ({figures['runs_per_second']:g} a second)",
        f"Deadline met: {figures['deadlines_met']} of {figures['runs']}",
        f"{'':<12}{'mean':>10}{'median':>10}{'95 %':>10}{'max':>10}",
        f"{'cost $':<12}{cost['mean']:>10.5f}{cost['p50']:>10.5f}{cost['p95']:>10.5f}{cost['max']:>10.5f}",
        f"{'makespan s':<12}{makespan['mean']:>10.0f}{makespan['p50']:>10.0f}{makespan['p95']:>10.0f}"
        f"{makespan['max']:>10.0f}",
    ]
    if on_demand is not None:
        lines.append(f"On-demand VMs only: ${on_demand:.5f}; the mean is {share:.1%} of it")
    else:
        lines.append("On-demand VMs only can't meet the deadline")
    if figures["unfinished"]:
        lines.append(
            f"Given up as long after the deadline again: {figures['unfinished']:.1f} tasks of a run had not "
            "finished; what they would have cost and taken is in no figure"
        )
    if figures["billing"] == Billing.EC2.value:
        lines.append("Billed as EC2 does: 60 s at least, and a spot VM interrupted in its first hour is free")
    lines.append(
        f"A run has {figures['interruptions']:.1f} interruptions, {figures['resumes']:.1f} resumes, "
        f"{figures['migrations']:.1f} further attempts and {figures['vms']:.1f} VMs"
    )
    return "\n".join(lines)
