"""Which instance types the local cloud has no capacity of."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from airflow_provider_hads.exceptions import InputError

__all__ = ["ANY_TYPE", "CapacityBook", "Shortage"]

ANY_TYPE = "*"
_MARKETS = ("spot", "on-demand")


@dataclass(frozen=True)
class Shortage:
    """No capacity of a type.

    :param instance_type: the type; ``*`` means all.
    :param market: ``spot`` or ``on-demand``; None means both.
    """

    instance_type: str
    market: str | None = None

    def __post_init__(self) -> None:
        if not self.instance_type:
            raise InputError("no-capacity", "type", "is empty: give an instance type, or * for all")
        if self.market is not None and self.market not in _MARKETS:
            raise InputError("no-capacity", "market", f"{self.market!r} is neither spot nor on-demand")

    @classmethod
    def parse(cls, text: str) -> Shortage:
        """Read ``TYPE`` or ``TYPE:MARKET``.

        :raises InputError: it is neither.
        """
        instance_type, colon, market = text.partition(":")
        return cls(instance_type, market if colon else None)

    def covers(self, instance_type: str, market: str) -> bool:
        """Say whether a VM of that type and market can't be had."""
        return self.instance_type in (ANY_TYPE, instance_type) and self.market in (None, market)


class CapacityBook:
    """The shortages of the moment; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shortages: set[Shortage] = set()
        self._spot_full = False

    def add(self, shortage: Shortage) -> None:
        """Have no capacity of something from now on; what runs goes on."""
        with self._lock:
            self._shortages.add(shortage)

    def remove(self, shortage: Shortage) -> None:
        """End a shortage; that of all types and both markets ends every other one too."""
        with self._lock:
            if shortage == Shortage(ANY_TYPE):
                self._shortages.clear()
            self._shortages.discard(shortage)

    def set_spot_full(self, full: bool) -> None:
        """Say whether a trace leaves no room for further spot VMs."""
        with self._lock:
            self._spot_full = full

    def clear(self) -> None:
        """End all shortages that were asked for."""
        self.remove(Shortage(ANY_TYPE))

    def has(self, instance_type: str, market: str) -> bool:
        """Say whether a VM of that type and market can be had now."""
        with self._lock:
            if self._spot_full and market == "spot":
                return False
            return not any(shortage.covers(instance_type, market) for shortage in self._shortages)
