"""The VM's console: what the cloud shows as the instance's console output."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
