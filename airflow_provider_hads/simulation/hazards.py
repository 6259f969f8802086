"""What interrupts simulated spot VMs, and when they come back."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.simulation.machine import Machine, Phase
from airflow_provider_hads.simulation.setting import Scope, Setting

__all__ = ["Hazards", "Strike"]

Strike: TypeAlias = Callable[[float], None]
"""Something that happens at a moment (seconds since the run's start)."""


class Hazards:
    """Draws interruptions and resumes as Poisson processes: of each VM, of each type, or of each zone.

    A group's process goes on whether its VMs sleep or not, and whether there are any: each interruption hits
    all that are awake, each resume wakes all that sleep.

    :param schedule: called with a moment and what happens then.
    :param interrupt: interrupts some VMs.
    :param resume: wakes some VMs.
    """

    def __init__(
        self,
        setting: Setting,
        random: Random,
        schedule: Callable[[float, Strike], None],
        interrupt: Callable[[list[Machine], float], None],
        resume: Callable[[list[Machine], float], None],
    ) -> None:
        self._setting = setting
        self._random = random
        self._schedule = schedule
        self._interrupt = interrupt
        self._resume = resume
        self._groups: dict[str, list[Machine]] = {}

    def follow(self, machine: Machine, now: float) -> None:
        """Expose a new VM."""
        if machine.market is not Market.SPOT or self._setting.hibernation_rate <= 0:
            return
        if self._setting.scope is Scope.VM:
            self._interrupt_later(machine, now)
            return
        group = machine.kind.name if self._setting.scope is Scope.TYPE else machine.shown.zone
        if group not in self._groups:
            self._groups[group] = []
            self._strike_later(group, now)
            self._return_later(group, now)
        self._groups[group].append(machine)

    def _interrupt_later(self, machine: Machine, now: float) -> None:
        version = machine.version

        def strike(moment: float) -> None:
            if machine.version == version:
                self._interrupt([machine], moment)
                self._resume_later(machine, moment)

        self._schedule(now + self._random.expovariate(self._setting.hibernation_rate), strike)

    def _resume_later(self, machine: Machine, now: float) -> None:
        if machine.phase is not Phase.ASLEEP or self._setting.resume_rate <= 0:
            return
        version = machine.version

        def wake(moment: float) -> None:
            if machine.version == version and machine.phase is Phase.ASLEEP:
                self._resume([machine], moment)
                self._interrupt_later(machine, moment)

        self._schedule(now + self._random.expovariate(self._setting.resume_rate), wake)

    def _strike_later(self, group: str, now: float) -> None:
        def strike(moment: float) -> None:
            awake = [one for one in self._groups[group] if one.phase in (Phase.UP, Phase.BOOTING)]
            self._interrupt(awake, moment)
            self._strike_later(group, moment)

        self._schedule(now + self._random.expovariate(self._setting.hibernation_rate), strike)

    def _return_later(self, group: str, now: float) -> None:
        if self._setting.resume_rate <= 0:
            return

        def wake(moment: float) -> None:
            self._resume([one for one in self._groups[group] if one.phase is Phase.ASLEEP], moment)
            self._return_later(group, moment)

        self._schedule(now + self._random.expovariate(self._setting.resume_rate), wake)
