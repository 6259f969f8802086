"""What is measured, as a table in Markdown for the README."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

__all__ = ["Figures"]


@dataclass
class Figures:
    """Rows of measurements, in the order in which they were made."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, measured: str, aim: str = "") -> None:
        """Keep one measurement.

        :param aim: what it should be; empty where there is none.
        """
        self.rows.append((what, measured, aim))

    def table(self) -> str:
        """Return all rows, and on what machine they were measured."""
        gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        lines = ["| What | Measured | Aim |", "| --- | --- | --- |"]
        lines += [f"| {what} | {measured} | {aim} |" for what, measured, aim in self.rows]
        return "\n".join([*lines, "", f"On {os.cpu_count()} cores, {gigabytes:.0f} GB."])
