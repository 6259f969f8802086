"""A notifier whose messages a test can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier

__all__ = ["FileNotifier", "notifier_settings", "told"]


class FileNotifier(BaseNotifier):
    """Appends a line to a file."""

    template_fields: Sequence[str] = ("line",)

    def __init__(self, path: str, line: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.line = line

    def notify(self, context: Any) -> None:
        """Write the line."""
        with Path(self.path).open("a") as file:
            file.write(f"{self.line}\n")


def notifier_settings(path: Path, root: Path) -> dict[str, str]:
    """Return the settings with which an Airflow tells everything to a file.

    :param root: of the checkout, so that this module is found.
    """
    line = "{{ hads.event }} {{ hads.dag_id }} {{ hads.run_id }} {{ hads.text }}"
    entry = {"classpath": f"{__name__}.FileNotifier", "kwargs": {"path": str(path), "line": line}}
    return {"AIRFLOW__HADS__NOTIFIERS": json.dumps([entry]), "PYTHONPATH": str(root)}


def told(path: Path, dag_id: str, run_id: str | None = None) -> dict[str, list[str]]:
    """Return what was told of a DAG's runs: the texts by event.

    :param run_id: of this run only; None is of all.
    """
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        event, dag, run, text = line.split(" ", 3)
        if dag == dag_id and run_id in (None, run):
            found.setdefault(event, []).append(text)
    return found
