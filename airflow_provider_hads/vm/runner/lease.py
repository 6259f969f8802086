"""The lease: the end of the VM's life, unless a controller puts it off."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from airflow_provider_hads.vm.runner.store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_hads.vm.runner.store import Store

__all__ = ["Lease"]

_FALLBACK = 3600.0  # seconds


class Lease:
    """A file of Unix seconds, absolute; a shell script from the VM's user data watches it as well.

    :param clock: Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._path = store.root / "expiry"
        self._clock = clock

    def expiry(self) -> float:
        """Return the end; an hour from now is written where the file is missing or broken: each VM ends."""
        try:
            return float(int(self._path.read_text().strip()))
        except (OSError, ValueError):
            self.renew(self._clock() + _FALLBACK)
            return float(math.ceil(self._clock() + _FALLBACK))

    def renew(self, expiry: float) -> None:
        """Set a new end, in whole seconds since the shell compares no others."""
        write_atomic(self._path, f"{math.ceil(expiry)}\n")

    def over(self) -> bool:
        """Say whether the VM must end now."""
        return self._clock() >= self.expiry()
