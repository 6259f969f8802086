"""``airflow hads reap``: end what dead deployments have left."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_hads.commands.terminal import write_line

if TYPE_CHECKING:
    from airflow.cli.cli_config import Arg

__all__ = ["DESCRIPTION", "get_reap_arguments", "reap"]

DESCRIPTION = (
    "Finds VMs, spot requests and volumes by this provider's tags, and ends those whose lease is over, or "
    "which are older than --older-than, and whose run is not queued or running in this Airflow. "
    "A run that is called running a day after its lease keeps nothing; where a run's state can't be seen, "
    "only the lease counts. "
    "Exit code 0: nothing is left to be ended; 1: something could not be ended or seen; "
    "2: with --dry-run, something is to be ended."
)


def get_reap_arguments() -> tuple[Arg, ...]:
    """Return the command's arguments for Airflow's command line."""
    from airflow.cli.cli_config import Arg

    argument: Callable[..., Arg] = Arg  # its own __init__ is not annotated
    return (
        argument(
            ("--older-than",),
            type=_seconds,
            metavar="SECONDS",
            help="also what is older counts as overdue, whatever its lease; so do VMs of runs of another "
            "Airflow in the same account, which are not known here",
        ),
        argument(("--dry-run",), action="store_true", help="end nothing, only tell"),
        argument(("--json",), action="store_true", help="as JSON"),
        argument(("--region",), help="overrides the region of the AWS connection"),
        argument(("--aws-conn-id",), help="default: aws_conn_id of section hads in the configuration"),
        argument(("-v", "--verbose"), action="store_true", help="with log messages"),
    )


def reap(args: argparse.Namespace) -> None:
    """Look, end, and print everything that was found with what has become of it.

    :param args: ``older_than``, ``dry_run``, ``json``, ``region``, ``aws_conn_id`` and ``verbose``.
    :raises SystemExit: with code 1 or 2; see :data:`DESCRIPTION`.
    """
    from airflow.utils.cli import suppress_logs_and_warning

    suppress_logs_and_warning(_reap)(args)  # they would stand in the middle of the table, or of the JSON


def _reap(args: argparse.Namespace) -> None:
    from airflow_provider_hads.cloud.clients import ec2_client
    from airflow_provider_hads.configuration import read_configuration
    from airflow_provider_hads.exceptions import HadsError
    from airflow_provider_hads.runtime import reaping

    now = datetime.now(timezone.utc)
    aws_conn_id = args.aws_conn_id or read_configuration().aws_conn_id
    try:
        findings = reaping.reap(
            ec2_client(aws_conn_id, args.region),
            reaping.run_of(aws_conn_id, args.region, _state_of_run),
            now=now,
            older_than=args.older_than,
            dry_run=args.dry_run,
        )
    except HadsError as error:
        write_line(sys.stderr, str(error))
        raise SystemExit(1) from None
    document = json.dumps([finding.to_json() for finding in findings], indent=2)
    write_line(sys.stdout, document if args.json else reaping.render_findings(findings, now))
    unseen = reaping.unseen_runs(findings)
    for line in unseen:
        write_line(sys.stderr, line)
    fates = {finding.fate for finding in findings}
    if unseen or reaping.Fate.FAILED in fates:
        raise SystemExit(1)
    if reaping.Fate.DUE in fates:
        raise SystemExit(2)


def _state_of_run(dag_id: str, run_id: str) -> str | None:
    """Ask Airflow's database, as its own commands do."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        state = session.scalar(query)
    return None if state is None else str(getattr(state, "value", state))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not right: give seconds, 0 or more")
    return seconds
