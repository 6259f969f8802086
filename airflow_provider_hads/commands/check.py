"""``airflow hads check``: read a job's folder and say what is in it, or what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_hads.commands.terminal import write_line

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg

__all__ = ["check", "get_check_arguments"]


def get_check_arguments() -> tuple[Arg, ...]:
    """Return the command's arguments for Airflow's command line."""
    from airflow.cli.cli_config import Arg

    argument: Callable[..., Arg] = Arg  # its own __init__ is not annotated
    within = "relative to the folder of the job's files; overrides setup.cfg"
    return (
        argument(("job_dir",), help="folder with job.json and env.json, and perhaps map.json and setup.cfg"),
        argument(("--job",), help=f"name of the job's file, {within}"),
        argument(("--env",), help=f"name of the environment's file, {within}"),
        argument(("--map",), help=f"name of the map's file, {within}"),
    )


def check(args: argparse.Namespace) -> None:
    """Print a summary of the job, or one line on stderr for each thing that is wrong; launch nothing.

    :param args: ``job_dir``, ``job``, ``env`` and ``map``.
    :raises SystemExit: with code 1, if anything is wrong.
    """
    from airflow_provider_hads.commands.check_summary import render_check
    from airflow_provider_hads.exceptions import InputErrors
    from airflow_provider_hads.inputs import load_job_folder

    try:
        inputs = load_job_folder(Path(args.job_dir), job_file=args.job, env_file=args.env, map_file=args.map)
    except InputErrors as error:
        write_line(sys.stderr, str(error))
        raise SystemExit(1) from None
    write_line(sys.stdout, render_check(inputs))
