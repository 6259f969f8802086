"""How often spot VMs have been interrupted and resumed so far: the rates a run estimates by itself."""

from __future__ import annotations

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.run_state import VmRecord, VmState

__all__ = ["Exposure", "Weather"]

_UP = frozenset({VmState.BOOTING, VmState.READY, VmState.RESUMED})


class Exposure:
    """Seconds that VMs have been up and asleep, and how often that has changed.

    Open stretches are kept as a number and the sum of their beginnings, so that a VM's change costs the same
    however many there are.
    """

    __slots__ = ("_asleep", "_asleep_since", "_slept", "_up", "_ups", "_ups_since", "hibernations", "resumes")

    def __init__(self) -> None:
        self._up = self._slept = self._ups_since = self._asleep_since = 0.0
        self._ups = self._asleep = self.hibernations = self.resumes = 0

    def add(self, vm: VmRecord, sign: int) -> None:
        """Count a VM in (1) or out (-1)."""
        self._up += sign * vm.up
        self._slept += sign * vm.slept
        self.hibernations += sign * vm.hibernations
        self.resumes += sign * vm.resumes
        if vm.since is None:
            return
        if vm.state in _UP:
            self._ups += sign
            self._ups_since += sign * vm.since
        elif vm.state.asleep:
            self._asleep += sign
            self._asleep_since += sign * vm.since

    @property
    def asleep(self) -> int:
        """How many VMs are asleep."""
        return self._asleep

    def up(self, now: float) -> float:
        """Return the seconds that VMs have been up."""
        return self._up + self._ups * now - self._ups_since

    def slept(self, now: float) -> float:
        """Return the seconds that VMs have been asleep."""
        return self._slept + self._asleep * now - self._asleep_since

    def hazard(self, now: float, prior: float, weight: float) -> float:
        """Return the estimated interruptions a second of a VM.

        :param prior: the rate expected before anything was seen.
        :param weight: number of interruptions that the prior counts for.
        """
        return (self.hibernations + weight) / (self.up(now) + weight / prior)

    def resume_rate(self, now: float, prior: float, weight: float) -> float:
        """Return the estimated resumes a second of a VM that sleeps; parameters as for :meth:`hazard`."""
        return (self.resumes + weight) / (self.slept(now) + weight / prior)


class Weather:
    """The exposure of all spot VMs, and of each type."""

    __slots__ = ("all", "types")

    def __init__(self) -> None:
        self.all = Exposure()
        self.types: dict[str, Exposure] = {}

    def follow(self, before: VmRecord | None, after: VmRecord) -> None:
        """Take a VM's change into account."""
        if after.market is not Market.SPOT:
            return
        if before is not None and before.state is after.state and before.since == after.since:
            return
        kind = self.types.setdefault(after.instance_type, Exposure())
        for exposure in (self.all, kind):
            if before is not None:
                exposure.add(before, -1)
            exposure.add(after, 1)
