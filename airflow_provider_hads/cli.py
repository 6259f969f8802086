"""``airflow hads ...``: the provider's commands, each loaded when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

__all__ = ["get_hads_cli_commands"]

_COMMANDS = "airflow_provider_hads.commands"


def get_hads_cli_commands() -> list[CLICommand]:
    """Return the command group ``hads`` (provider info, key ``cli``)."""
    from airflow.cli.cli_config import ActionCommand, GroupCommand, lazy_load_command

    from airflow_provider_hads.commands.check import get_check_arguments

    action: Callable[..., ActionCommand] = ActionCommand
    check = action(
        name="check",
        help="Read a job's folder and say what is in it, or what is wrong with it",
        description="Nothing is launched. Exit code 1 and one line for each error if anything is wrong.",
        func=lazy_load_command(f"{_COMMANDS}.check.check"),
        args=get_check_arguments(),
    )
    return [
        GroupCommand(name="hads", help="Jobs with a deadline on spot VMs", subcommands=[check]),
    ]
