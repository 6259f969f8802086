"""``airflow hads simulate``: run a job many times in a simulated cloud."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.commands.terminal import write_line

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg

__all__ = ["DESCRIPTION", "get_simulate_arguments", "main", "simulate"]

WRONG_INPUT = 1
DESCRIPTION = (
    "The controller of real runs decides; the cloud, its interruptions and the clock are simulated. "
    "What happens is seen at once: the setting reaction of setup.cfg plays no part. "
    "Exit code 1, and one line for each error, if anything is wrong with the input."
)


class _TakeTraces(argparse.Action):
    """Takes the files of every ``--trace``; says so where the last of them seems to be the job's folder."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the files to those that were given before."""
        names = [*(getattr(namespace, self.dest) or ()), *(values or ())]
        if getattr(namespace, "job_dir", None) is None and os.path.isdir(names[-1]):
            folder = names[-1]
            how = f"{folder} --trace FILE, --trace FILE -- {folder}"
            problem = (
                f"{folder!r} is a folder, not a trace; give the job's folder before it, or after --: {how}"
            )
            write_line(sys.stderr, f"command line: --trace: {problem}")
            raise SystemExit(WRONG_INPUT)
        setattr(namespace, self.dest, names)


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "job_dir": {"help": "folder with job.json and env.json, and perhaps setup.cfg"},
    "--policy": {
        "default": "adaptive",
        "help": "adaptive, hads, burst-hads, uniform-progress or on-demand-only; default: adaptive",
    },
    "--planner": {
        "help": "makes the plan for policies that follow one; default: that of setup.cfg, or else cc for "
        "hads and ils for burst-hads"
    },
    "--scenario": {"help": "baseline, c1, c2, c3, c4 or c5: the rates of the published experiments"},
    "--hibernation-rate": {"metavar": "R", "help": "interruptions a second; default: 0"},
    "--resume-rate": {"metavar": "R", "help": "resumes a second; default: 0"},
    "--trace": {
        "metavar": "FILE",
        "nargs": "+",
        "action": _TakeTraces,
        "help": "recorded availability instead of rates: one for all spot types, or one for each, cheapest "
        "first; where a trace has nothing but 0 and 1, a 1 stands for any number of VMs",
    },
    "--scope": {"help": "what an interruption hits: vm, type or zone; default: vm"},
    "--zones": {
        "metavar": "N",
        "default": "1",
        "help": "availability zones over which the VMs are spread, 1 to 26; default: 1",
    },
    "--on-loss": {"help": "hibernate or terminate; default: hibernate, with --trace terminate"},
    "--deadline": {"metavar": "S", "help": "seconds; default: that of setup.cfg, or else of map.json"},
    "--boot": {"metavar": "S", "help": "seconds from a launch to the first task; default: that of setup.cfg"},
    "--checkpoint": {
        "metavar": "WHEN",
        "default": "none",
        "help": "none, continuous, or the seconds between two, 1 or more; default: none",
    },
    "--estimate-error": {
        "metavar": "SIGMA",
        "default": "0",
        "help": "tasks take longer than estimated by a lognormal factor of that sigma, 0 to 5; default: 0",
    },
    "--billing": {
        "default": "per-second",
        "help": "per-second, or ec2: at least 60 s for each start, and a spot VM interrupted within an hour "
        "of its launch is free up to then; default: per-second",
    },
    "--runs": {"metavar": "N", "default": "100", "help": "default: 100"},
    "--seed": {"metavar": "N", "default": "0", "help": "of all that is drawn; default: 0"},
    "--events": {"metavar": "FILE", "help": "write the event log of one run to this file, JSON lines"},
    "--run": {
        "metavar": "K",
        "help": "which run --events and --plot show; default: 0",
    },
    "--plot": {"metavar": "FILE", "help": "draw that run, slots over time, into this SVG file"},
    "--plot-costs": {
        "metavar": "FILE",
        "help": "simulate the job with every policy, and draw the distributions of their costs side by side "
        "into this SVG file",
    },
    "--json": {"action": "store_true", "help": "print one JSON object instead of the table"},
}
"""The command's arguments: flag or name, and keyword arguments of ``add_argument``."""


def get_simulate_arguments() -> tuple[Arg, ...]:
    """Return the command's arguments for Airflow's command line."""
    from airflow.cli.cli_config import Arg

    argument: Callable[..., Arg] = Arg  # its own __init__ is not annotated
    return tuple(argument((flag,), **settings) for flag, settings in OPTIONS.items())


def simulate(args: argparse.Namespace) -> None:
    """Print what the runs come to; write one run's event log and plot where asked to.

    :param args: as :data:`OPTIONS` names them.
    :raises SystemExit: with code 1, if anything is wrong with the input.
    """
    from airflow_provider_hads.commands.simulate_notes import without_effect
    from airflow_provider_hads.commands.simulate_options import read_options
    from airflow_provider_hads.commands.simulate_report import report
    from airflow_provider_hads.exceptions import HadsError

    try:
        options = read_options(args)
        for note in without_effect(args):
            write_line(sys.stderr, note)
        report(options)
    except HadsError as error:
        write_line(sys.stderr, str(error))
        raise SystemExit(WRONG_INPUT) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command without Airflow's start-up.

    :param arguments: the command line; None is the process's own.
    """
    parser = argparse.ArgumentParser(prog="simulate", description=f"Simulate a job. {DESCRIPTION}")
    for flag, settings in OPTIONS.items():
        parser.add_argument(flag, **settings)
    simulate(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
