"""What ``airflow hads simulate`` shows and writes."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from airflow_provider_hads.commands.output_file import write_text
from airflow_provider_hads.commands.simulate_options import SimulateOptions
from airflow_provider_hads.commands.terminal import write_line
from airflow_provider_hads.simulation import run_experiment, simulate

__all__ = ["report"]

BAR = 30


def report(options: SimulateOptions) -> None:
    """Simulate, write what is to be written, and print the figures."""
    experiment = options.experiment
    start = time.process_time()
    summary = run_experiment(experiment, _Progress(experiment.runs))
    seconds = max(time.process_time() - start, 1e-9)
    figures = {
        "job": experiment.mission.job.id,
        "policy": experiment.mission.policy,
        "deadline": experiment.deadline,
        **summary.to_json(),
        "runs_per_second": round(experiment.runs / seconds, 1),
    }
    _write_files(options)
    if options.as_json:
        write_line(sys.stdout, json.dumps(figures))
    else:
        write_line(sys.stdout, _table(figures))


class _Progress:
    """A bar on stderr, where that is a terminal."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._shown = -1

    def __call__(self, done: int) -> None:
        share = done * BAR // self._runs
        if share == self._shown or not sys.stderr.isatty():
            return
        self._shown = share
        end = "\n" if done == self._runs else ""
        sys.stderr.write(f"\r[{'#' * share}{'.' * (BAR - share)}] {done} of {self._runs} runs{end}")
        sys.stderr.flush()


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
    lines.append(
        f"A run has {figures['hibernations']:.1f} interruptions, {figures['resumes']:.1f} resumes, "
        f"{figures['migrations']:.1f} further attempts and {figures['vms']:.1f} VMs"
    )
    return "\n".join(lines)
