"""What the subcommands of ``local-cloud`` have in common."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_hads.exceptions import HadsError

__all__ = ["STATE_DIR", "Command", "Option", "attached", "option", "run", "seconds"]


@dataclass(frozen=True)
class Option:
    """One option, in a form that argparse and Airflow's command line both take.

    :param settings: keyword arguments of ``add_argument``.
    """

    flags: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], None]
    options: tuple[Option, ...]


def option(flag: str, text: str, **settings: Any) -> Option:
    """Return an option, or a positional argument where the flag has no dashes."""
    return Option((flag,), {"help": text, **settings})


def seconds(text: str) -> float:
    """Read a number of seconds, at most an hour.

    :raises argparse.ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not right: give seconds, 0 to 3600")
    return number


def run(action: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> None:
    """Carry a subcommand out; what goes wrong is said in one line.

    :raises SystemExit: it went wrong.
    """
    try:
        action(args)
    except HadsError as error:
        raise SystemExit(f"local-cloud: {error}") from None


def attached(args: argparse.Namespace) -> Any:
    """Return the local cloud that is up.

    :raises CloudError: it is not.
    """
    from airflow_provider_hads.local_cloud import LocalCloud

    return LocalCloud.attach(args.state_dir)


STATE_DIR = option(
    "--state-dir",
    "Folder of the local cloud's state; two clouds need two folders. "
    "Default: $XDG_STATE_HOME/airflow_provider_hads/local-cloud",
    type=Path,
)
