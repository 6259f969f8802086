"""What the local cloud tells about its VMs and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

__all__ = ["BillItem", "CloudVm", "Happening", "total_cost"]


@dataclass(frozen=True)
class CloudVm:
    """One VM that has not been terminated.

    :param state: EC2's name of the instance's state.
    :param market: ``spot`` or ``on-demand``.
    :param address: where SSH reaches it; None while there is none.
    :param age: seconds since its launch.
    :param name: its ``Name`` tag; may be empty.
    :param hibernated: it is stopped with its memory.
    """

    instance_id: str
    state: str
    instance_type: str
    market: str
    address: str | None
    age: float
    name: str = ""
    hibernated: bool = False


@dataclass(frozen=True)
class BillItem:
    """What one instance has cost, per second from launch to termination, less the time it was stopped.

    :param price: $/h at the launch; None where the price table has none.
    :param ended_at: None while it has not been terminated.
    :param seconds: for which it is billed: not while it is stopped or hibernated.
    :param run: uid of the run it belongs to (tag ``hads:run``); empty for others.
    :param run_name: name of that run, ``<job>_<execution>`` (tag ``hads:job``).
    :param name: its ``Name`` tag; may be empty.
    """

    instance_id: str
    instance_type: str
    market: str
    launched_at: datetime
    ended_at: datetime | None
    price: float | None
    seconds: float
    run: str = ""
    run_name: str = ""
    name: str = ""

    @property
    def dollars(self) -> float:
        """The cost so far; nothing where the price is not known."""
        return self.seconds * (self.price or 0.0) / 3600

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            **asdict(self),
            "launched_at": self.launched_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> BillItem:
        """Read what :meth:`to_json` has made."""
        ended = document["ended_at"]
        times = {
            "launched_at": datetime.fromisoformat(document["launched_at"]),
            "ended_at": None if ended is None else datetime.fromisoformat(ended),
        }
        return cls(**{**document, **times})


@dataclass(frozen=True)
class Happening:
    """Something that was done to an instance.

    :param at: when, UTC, ISO 8601.
    :param what: ``hibernate``, ``stop``, ``terminate``, ``resume`` or ``fresh-boot``.
    :param by: ``hand`` or ``hazard``.
    """

    at: str
    instance_id: str
    what: str
    by: str


def total_cost(bill: Sequence[BillItem]) -> float:
    """Return the dollars of a whole bill."""
    return sum(item.dollars for item in bill)
