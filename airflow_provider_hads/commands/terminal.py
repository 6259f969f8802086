"""Text for a terminal."""

from __future__ import annotations

from typing import TextIO

__all__ = ["write_line"]


def write_line(stream: TextIO, text: str) -> None:
    """Write text and a line end in whatever encoding the terminal has; what it lacks is escaped."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
