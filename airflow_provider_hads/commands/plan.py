"""``airflow hads plan``: make the plan of a job, show it, and write its map and its plot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.commands.terminal import write_line

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg

    from airflow_provider_hads.commands.plan_options import PlanOptions
    from airflow_provider_hads.commands.planning_result import PlanningResult
    from airflow_provider_hads.exceptions import InfeasibleJob

__all__ = ["DESCRIPTION", "get_plan_arguments", "main", "plan"]

WRONG_INPUT = 1
INFEASIBLE = 2
DESCRIPTION = (
    "Nothing is launched, and boot is not counted. Exit code 2 if no plan meets the deadline within the "
    "limits; exit code 1, and one line for each error, if anything is wrong with the input."
)
_WITHIN = "relative to the folder of the job's files; overrides setup.cfg"

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "job_dir": {"help": "folder with job.json and env.json, and perhaps map.json and setup.cfg"},
    "--job": {"help": f"name of the job's file, {_WITHIN}"},
    "--env": {"help": f"name of the environment's file, {_WITHIN}"},
    "--deadline": {"metavar": "S", "help": "seconds; default: that of setup.cfg, or else of map.json"},
    "--planner": {"help": "cc, ils, packing or on-demand; default: that of setup.cfg, or packing"},
    "--spot-deadline": {
        "metavar": "RULE",
        "default": "safe",
        "help": "how D_spot, the latest end of spot work, is found: safe (the loss of all spot VMs can be "
        "made good at any moment) or published (as the original does it); default: safe",
    },
    "--objective": {
        "help": "cost, makespan or weighted (alpha of setup.cfg x cost + (1 - alpha) x makespan / D_spot); "
        "default: weighted for ils, cost for others",
    },
    "--sequential": {"action": "store_true", "help": "one task a VM at a time, instead of one a core"},
    "--seed": {"metavar": "N", "default": "0", "help": "of planners that choose at random; default: 0"},
    "--time-limit": {"metavar": "S", "help": "seconds that a searching planner may take"},
    "--output": {"metavar": "FILE", "help": "write the plan to this map.json"},
    "--plot": {"metavar": "FILE", "help": "draw the plan, cores over time, into this SVG file"},
    "--json": {"action": "store_true", "help": "print one JSON object instead of the table"},
}
"""The command's arguments: flag or name, and keyword arguments of ``add_argument``."""


def get_plan_arguments() -> tuple[Arg, ...]:
    """Return the command's arguments for Airflow's command line."""
    from airflow.cli.cli_config import Arg

    argument: Callable[..., Arg] = Arg  # its own __init__ is not annotated
    return tuple(argument((flag,), **settings) for flag, settings in OPTIONS.items())


def plan(args: argparse.Namespace) -> None:
    """Make a plan, write what was asked for, and print it.

    :param args: what :data:`OPTIONS` says; the values of options are text.
    :raises SystemExit: with code 1 if the input is wrong, 2 if there is no plan.
    """
    from airflow_provider_hads.commands.plan_options import read_options
    from airflow_provider_hads.commands.planning_result import solve
    from airflow_provider_hads.exceptions import InfeasibleJob, InputErrors

    try:
        options = read_options(args)
        result = solve(options.planner, options.request)
        _write_files(options, result)
    except InputErrors as error:
        write_line(sys.stderr, str(error))
        raise SystemExit(WRONG_INPUT) from None
    except InfeasibleJob as refusal:
        _show_refusal(options, refusal)
        raise SystemExit(INFEASIBLE) from None
    _show(options, result)


def _write_files(options: PlanOptions, result: PlanningResult) -> None:
    from airflow_provider_hads.commands.output_file import write_text
    from airflow_provider_hads.inputs import plan_to_map
    from airflow_provider_hads.planning.plot import render_plot

    if options.output is not None:
        write_text(options.output, plan_to_map(result.plan))
    if options.plot is not None:
        write_text(options.plot, render_plot(result.plan, options.request.environment))


def _show(options: PlanOptions, result: PlanningResult) -> None:
    from airflow_provider_hads.commands.plan_report import plan_document, render_result

    if options.as_json:
        write_line(sys.stdout, plan_document(options, result))
    else:
        write_line(sys.stdout, render_result(options, result))


def _show_refusal(options: PlanOptions, refusal: InfeasibleJob) -> None:
    from airflow_provider_hads.commands.plan_report import refusal_document, render_refusal

    if options.as_json:
        write_line(sys.stdout, refusal_document(options, refusal))
    write_line(sys.stderr, render_refusal(options, refusal))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command without Airflow's start-up.

    :param arguments: the command line; None is the process's own.
    """
    parser = argparse.ArgumentParser(prog="plan", description=f"Plan a job. {DESCRIPTION}")
    for flag, settings in OPTIONS.items():
        parser.add_argument(flag, **settings)
    plan(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
