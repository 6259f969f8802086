"""Spot VMs that exist only while a recorded trace says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from random import Random

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.simulation.hazards import Strike
from airflow_provider_hads.simulation.machine import Machine, Phase
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["TraceHazards"]

MOST_CHANGES = 100_000
"""Changes of one trace that a run may see."""


class TraceHazards:
    """Follows a trace for each spot type that has one; where in the trace a run starts is drawn.

    When fewer VMs are available than are awake, the youngest are interrupted; when there are more again,
    those that sleep are resumed, the oldest first, and new ones can be launched.
    """

    def __init__(
        self,
        traces: Mapping[str, Trace],
        until: float,
        random: Random,
        schedule: Callable[[float, Strike], None],
        interrupt: Callable[[Iterable[Machine], float], None],
        resume: Callable[[Iterable[Machine], float], None],
    ) -> None:
        self._available: dict[str, int] = {}
        self._machines: dict[str, list[Machine]] = {kind: [] for kind in traces}
        self._interrupt = interrupt
        self._resume = resume
        for kind, trace in traces.items():
            changes = trace.changes(random.uniform(0, trace.seconds), until)
            for moment, count in islice(changes, MOST_CHANGES):
                schedule(moment, self._change(kind, count))

    def has_room(self, kind: str, market: Market) -> bool:
        """Say whether a VM of that type could be launched now."""
        if market is not Market.SPOT or kind not in self._machines:
            return True
        return self._awake(kind) < self._available.get(kind, 0)

    def follow(self, machine: Machine) -> bool:
        """Expose a new VM; say whether a trace rules it."""
        if machine.market is not Market.SPOT or machine.kind.name not in self._machines:
            return False
        self._machines[machine.kind.name].append(machine)
        return True

    def _awake(self, kind: str) -> int:
        return sum(one.phase in (Phase.UP, Phase.BOOTING) for one in self._machines[kind])

    def _change(self, kind: str, count: int) -> Strike:
        def change(moment: float) -> None:
            self._available[kind] = count
            known = [one for one in self._machines[kind] if one.phase is not Phase.GONE]
            self._machines[kind] = known
            awake = [one for one in known if one.phase in (Phase.UP, Phase.BOOTING)]
            if len(awake) > count:
                self._interrupt(awake[count:], moment)
            else:
                asleep = [one for one in known if one.phase is Phase.ASLEEP]
                self._resume(asleep[: count - len(awake)], moment)

        return change
