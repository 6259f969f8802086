"""A simulated VM with its runner: slots, a queue, and work that stands still while it sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_hads.model.environment import InstanceType, Market
from airflow_provider_hads.model.fleet import Instance
from airflow_provider_hads.model.job import Task
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, VmStatus
from airflow_provider_hads.simulation.billing import Billing

__all__ = ["Machine", "Phase", "Work"]

LONGEST_HOARD = 24.0
"""Hours of earnings that a burstable VM keeps at most."""


class Phase(Enum):
    """Where a simulated VM stands."""

    BOOTING = "booting"
    UP = "up"
    ASLEEP = "asleep"
    GONE = "gone"


@dataclass(eq=False)
class Work:
    """One attempt on a VM.

    :param seconds: how long it runs here, from its progress on.
    :param progress: share of the task that was done before.
    :param share: of a vCPU that it uses.
    :param ran: seconds it had run at ``since``.
    :param since: when it was started or resumed last.
    """

    attempt_id: str
    task: Task
    seconds: float
    progress: float
    share: float = 1.0
    slot: int = -1
    ran: float = 0.0
    since: float = 0.0
    state: AttemptState = AttemptState.QUEUED

    def ran_by(self, now: float) -> float:
        """Return the seconds it has run, if its VM is awake."""
        return self.ran + now - self.since if self.state is AttemptState.RUNNING else self.ran

    def share_by(self, ran: float) -> float:
        """Return the share of its task that is done after it has run so long here."""
        return self.progress + (1 - self.progress) * min(ran / self.seconds, 1.0)

    def status(self, now: float) -> AttemptStatus:
        """Return it as its runner reports it."""
        ran = self.ran_by(now)
        queued = self.state is AttemptState.QUEUED
        return AttemptStatus(
            self.attempt_id,
            self.task.id,
            self.state,
            slot=None if queued else self.slot,
            exit_code=0 if self.state is AttemptState.FINISHED else None,
            ran=ran,
            started=None if queued else 0.0,
        )


@dataclass(eq=False)
class Machine:
    """One simulated VM.

    :param shown: as the cloud describes it.
    :param price: $/h.
    :param boot_left: seconds of its boot that are still to come.
    :param booted: whether it has been ready.
    :param woke: when it came to be awake last; None while it is asleep or gone.
    :param billing: how its seconds are paid for.
    :param billed: seconds paid for before that.
    :param credits: CPU credits of a burstable VM at ``credits_at``.
    :param credits_at: seconds since the run's start.
    :param version: rises when it falls asleep or ends, so that what was to happen before does not.
    """

    id: str
    kind: InstanceType
    market: Market
    price: float
    shown: Instance
    slots: int
    boot_left: float
    woke: float | None
    billing: Billing = Billing.PER_SECOND
    phase: Phase = Phase.BOOTING
    billed: float = 0.0
    credits: float = 0.0
    credits_at: float = 0.0
    version: int = 0
    work: dict[str, Work] = field(default_factory=dict)
    queue: list[Work] = field(default_factory=list)
    ended_work: list[Work] = field(default_factory=list)
    stolen: list[str] = field(default_factory=list)
    booted: bool = False
    _free: list[int] = field(default_factory=list)
    _memory: float = 0.0
    _has_slept: bool = False

    def __post_init__(self) -> None:
        self._free = list(range(self.slots - 1, -1, -1))

    def fill(self, now: float) -> Iterator[Work]:
        """Start what waits in the queue, and yield it."""
        while self.queue and self._free and self.phase is Phase.UP:
            first = self.queue[0]
            if self._memory + first.task.memory > self.kind.memory * (1 + 1e-9):
                return
            self.queue.pop(0)
            first.slot, first.since, first.state = self._free.pop(), now, AttemptState.RUNNING
            self._memory += first.task.memory
            self.work[first.attempt_id] = first
            yield first

    def take_out(self, work: Work) -> None:
        """Free the slot of something that has ended, or its place in the queue."""
        if work in self.queue:
            self.queue.remove(work)
            return
        del self.work[work.attempt_id]
        self._free.append(work.slot)
        self._memory -= work.task.memory

    def fall_asleep(self, now: float) -> None:
        """Stand still, as in hibernation."""
        for work in self.work.values():
            work.ran, work.since = work.ran_by(now), now
        if self.phase is Phase.BOOTING and self.woke is not None:
            self.boot_left -= now - self.woke
        self._stop_clock(now, interrupted=True)
        self.phase = Phase.ASLEEP

    def wake(self, now: float) -> None:
        """Go on where it stood still."""
        for work in self.work.values():
            work.since = now
        self.woke = now
        self.phase = Phase.UP if self.booted else Phase.BOOTING

    def end(self, now: float, *, interrupted: bool) -> None:
        """Be gone; the seconds billed are final.

        :param interrupted: whether the cloud ends it.
        """
        self._stop_clock(now, interrupted=interrupted)
        self.phase = Phase.GONE

    def settle(self, now: float) -> None:
        """Enter what a burstable VM has earned and spent since its credits were last known.

        To be called before anything starts, ends or changes there. It earns while it is up, none asleep.
        """
        if self.kind.burstable is not None and self.phase is Phase.UP:
            hoard = LONGEST_HOARD * self.kind.burstable.credit_rate
            self.credits = min(max(self.credits + self.net_rate * (now - self.credits_at), 0.0), hoard)
        self.credits_at = now

    @property
    def net_rate(self) -> float:
        """Credits a second that a burstable VM earns, less those that its work spends."""
        earned = 0.0 if self.kind.burstable is None else self.kind.burstable.credit_rate / 3600
        return earned - sum(work.share for work in self.work.values()) / 60

    def slow_down(self, now: float, baseline: float) -> list[Work]:
        """Go on at the baseline, for the credits are used up; return the work that is slower now."""
        slower = [work for work in self.work.values() if work.share > baseline]
        for work in slower:
            ran = work.ran_by(now)
            work.seconds = ran + (work.seconds - ran) * work.share / baseline
            work.share = baseline
        return slower

    def status(self, now: float, epoch: int, expiry: float) -> VmStatus:
        """Return what its runner says; of attempts that have ended, or were given back, it tells once."""
        told = [*self.work.values(), *self.queue, *self.ended_work]
        stolen, self.stolen = tuple(self.stolen), []
        self.ended_work = []
        attempts = {work.attempt_id: work.status(now) for work in told}
        return VmStatus(
            f"boot-{self.id}", int(now), epoch, expiry, self.slots, attempts=attempts, stolen=stolen
        )

    def _stop_clock(self, now: float, *, interrupted: bool) -> None:
        if self.woke is not None:
            first = not self._has_slept
            self.billed += self.billing.billed(
                now - self.woke, self.market, first=first, interrupted=interrupted
            )
            self._has_slept = True
        self.woke = None
        self.version += 1
