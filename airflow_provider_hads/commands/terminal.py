"""Text for a terminal."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["write_line"]

CLOSED_PIPE = 141
"""Exit code of a program whose reader is gone: 128 + SIGPIPE, as a shell tells it."""


def write_line(stream: TextIO, text: str) -> None:
    """Write text and a line end in whatever encoding the terminal has; what it lacks is escaped.

    :raises SystemExit: no one reads any more, as when ``head`` has seen enough.
    """
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        # What the interpreter still flushes at its end must not fail again, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise SystemExit(CLOSED_PIPE) from None
