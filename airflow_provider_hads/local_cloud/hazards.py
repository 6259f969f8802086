"""When spot VMs are interrupted and resumed: by rates, or by a recorded trace. Pure: time comes in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Protocol

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["Exposed", "Hazard", "HazardRates", "Phase", "RateHazard", "Strike", "TraceHazard"]


class Phase(str, Enum):
    """How a spot VM stands, as far as a hazard is concerned."""

    BOOTING = "booting"
    """It uses capacity, but is not interrupted yet."""

    AWAKE = "awake"
    """It runs."""

    ASLEEP = "asleep"
    """The cloud has stopped or hibernated it."""


class Strike(str, Enum):
    """What a hazard does to a VM."""

    INTERRUPT = "interrupt"
    """What its spot request says: hibernate, stop or terminate."""

    TERMINATE = "terminate"
    """Terminate it."""

    RESUME = "resume"
    """Bring it back."""


@dataclass(frozen=True)
class Exposed:
    """A spot VM that has not ended."""

    instance_id: str
    phase: Phase


class Hazard(Protocol):
    """Decides what happens to spot VMs."""

    def step(self, now: float, machines: Sequence[Exposed]) -> list[tuple[str, Strike]]:
        """Return what happens now, by instance id.

        :param now: seconds that only rise.
        :param machines: in the order of their launch.
        """
        ...

    def is_full(self, machines: Sequence[Exposed]) -> bool:
        """Say whether no further spot VM can be had."""
        ...


@dataclass(frozen=True)
class HazardRates:
    """Events a second of each VM (Poisson).

    :param hibernation: interruptions of a VM that runs; each does what the VM's spot request says.
    :param resume: resumes of a VM that is hibernated or stopped.
    :param termination: terminations of a VM that runs.
    """

    hibernation: float
    resume: float
    termination: float = 0.0

    def __post_init__(self) -> None:
        for name, rate in vars(self).items():
            if not (0 <= rate < math.inf):
                problem = f"{rate:g} is not right: give events a second, 0 or more"
                raise InputError("hazard", f"{name}-rate", problem)


class RateHazard:
    """Interrupts each VM by itself.

    A VM's draws depend on the seed and on the how-manieth spot VM it is, not on when other VMs do what.

    :param seed: None is another one each time.
    """

    def __init__(self, rates: HazardRates, seed: int | None) -> None:
        self._rates = rates
        self._seed = Random().randrange(2**32) if seed is None else seed
        self._streams: dict[str, Random] = {}
        self._due: dict[str, tuple[Phase, float, Strike]] = {}

    def step(self, now: float, machines: Sequence[Exposed]) -> list[tuple[str, Strike]]:
        """Return what happens now; what is drawn for a phase of a VM happens at most once in that phase."""
        strikes = []
        for machine in machines:
            phase, moment, strike = self._due.get(machine.instance_id) or self._plan(machine, now)
            if phase is not machine.phase:
                phase, moment, strike = self._plan(machine, now)
            if now >= moment:
                strikes.append((machine.instance_id, strike))
                self._due[machine.instance_id] = (phase, math.inf, strike)
        return strikes

    def is_full(self, machines: Sequence[Exposed]) -> bool:
        """Say that there is always room."""
        return False

    def _plan(self, machine: Exposed, now: float) -> tuple[Phase, float, Strike]:
        name = machine.instance_id
        stream = self._streams.setdefault(name, Random(f"{self._seed}:{len(self._streams)}"))
        rates = {
            Phase.AWAKE: (
                (self._rates.hibernation, Strike.INTERRUPT),
                (self._rates.termination, Strike.TERMINATE),
            ),
            Phase.ASLEEP: ((self._rates.resume, Strike.RESUME),),
        }.get(machine.phase, ((0.0, Strike.INTERRUPT),))
        drawn = [(now + stream.expovariate(rate) if rate else math.inf, strike) for rate, strike in rates]
        moment, strike = min(drawn, key=lambda one: one[0])
        self._due[name] = (machine.phase, moment, strike)
        return self._due[name]


class TraceHazard:
    """Lets as many spot VMs live as a recorded trace had available.

    When there are fewer than run, the youngest are interrupted; when there are more again, those that sleep
    are resumed, the oldest first, and new ones can be launched.

    :param start: seconds at which the trace begins, on the clock of :meth:`step`.
    :param seed: of the place in the trace where it begins; None is the trace's first tick.
    :param speed: seconds of the trace in one second.
    """

    def __init__(self, trace: Trace, start: float, seed: int | None = None, speed: float = 1.0) -> None:
        if not 0 < speed < math.inf:
            raise InputError("hazard", "speed", f"{speed:g} is not right: give a positive number")
        self._trace = trace
        self._start = start
        self._offset = 0.0 if seed is None else Random(seed).uniform(0, trace.seconds)
        self._speed = speed
        self._available = trace.counts[0]
        self._struck: dict[str, Phase] = {}

    def step(self, now: float, machines: Sequence[Exposed]) -> list[tuple[str, Strike]]:
        """Return who is interrupted or resumed now."""
        place = self._offset + (now - self._start) * self._speed
        self._available = self._trace.counts[int(place / self._trace.gap) % len(self._trace.counts)]
        strikes = list(self._strikes(machines))
        phases = {machine.instance_id: machine.phase for machine in machines}
        self._struck.update({name: phases[name] for name, _ in strikes})
        return strikes

    def is_full(self, machines: Sequence[Exposed]) -> bool:
        """Say whether as many run or boot as the trace has available."""
        return sum(machine.phase is not Phase.ASLEEP for machine in machines) >= self._available

    def _strikes(self, machines: Sequence[Exposed]) -> Iterator[tuple[str, Strike]]:
        free = [one for one in machines if self._struck.get(one.instance_id) is not one.phase]
        on_the_way = [one for one in machines if one not in free and one.phase is Phase.ASLEEP]
        using = [one for one in free if one.phase is not Phase.ASLEEP]
        room = self._available - len(using) - len(on_the_way)
        if room < 0:
            awake = [one for one in using if one.phase is Phase.AWAKE]
            yield from ((one.instance_id, Strike.INTERRUPT) for one in awake[room:])
        else:
            asleep = [one for one in free if one.phase is Phase.ASLEEP]
            yield from ((one.instance_id, Strike.RESUME) for one in asleep[:room])
