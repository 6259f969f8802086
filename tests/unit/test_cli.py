"""``airflow hads ...``: what the help of its commands says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_hads.cli import get_hads_cli_commands


def texts(commands: Iterable[Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts of the commands' help, each with whose it is."""
    for command in commands:
        name = f"{above} {command.name}".strip()
        yield name, command.help
        yield f"{name}: description", getattr(command, "description", None) or ""
        yield from texts(getattr(command, "subcommands", ()), name)
        for argument in getattr(command, "args", ()):
            yield f"{name} {argument.flags[0]}", str(argument.kwargs.get("help") or "")


TEXTS = dict(texts(get_hads_cli_commands()))


def test_no_help_has_brackets_which_airflow_would_take_for_markup() -> None:
    """Airflow prints help by rich, for which ``[hads]`` is a style, and no text."""
    assert {"hads check", "hads reap --region", "hads local-cloud up --port"} < {*TEXTS}
    assert [name for name, text in TEXTS.items() if "[" in text] == []
