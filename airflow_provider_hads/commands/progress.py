"""How far many simulated runs have come, on stderr."""

from __future__ import annotations

import sys
import time

__all__ = ["Progress"]

BAR = 30
"""Characters of the bar."""

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal to draw a bar on."""


class Progress:
    """A bar where stderr is a terminal, else a line now and then.

    :param runs: how many there are.
    """

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._shown = -1
        self._line_at = time.monotonic() + LINE_EVERY
        self._began = time.process_time()
        self.seconds = 0.0
        """Processor time of the runs so far."""

    def __call__(self, done: int) -> None:
        """Show that so many runs are done."""
        self.seconds = time.process_time() - self._began
        share = done * BAR // self._runs
        if sys.stderr.isatty() and share != self._shown:
            self._shown = share
            end = "\n" if done == self._runs else ""
            sys.stderr.write(f"\r[{'#' * share}{'.' * (BAR - share)}] {done} of {self._runs} runs{end}")
            sys.stderr.flush()
        elif not sys.stderr.isatty() and time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + LINE_EVERY
            sys.stderr.write(f"{done} of {self._runs} runs\n")
            sys.stderr.flush()
