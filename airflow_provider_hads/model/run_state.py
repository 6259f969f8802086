"""A run as its controller sees it: every VM, every task, every attempt, in one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.runner import AttemptState, ResultFile

__all__ = ["Attempt", "RunState", "Setback", "TaskRecord", "TaskState", "VmRecord", "VmState"]


class VmState(str, Enum):
    """Where a VM stands, by cloud and runner together."""

    PLANNED = "planned"
    """In the plan; no instance is known."""

    BOOTING = "booting"
    """Launched; its runner has not answered yet."""

    READY = "ready"
    """Its runner has answered."""

    STOPPED = "stopped"
    """Stopped or hibernated, or on the way there: nothing runs, it may come back."""

    TERMINATED = "terminated"
    """Gone for good."""

    LOST = "lost"
    """Given up: never launched, never ready, or not the host it should be."""

    @property
    def ended(self) -> bool:
        """Whether no attempt can end there any more."""
        return self in (VmState.TERMINATED, VmState.LOST)


class TaskState(str, Enum):
    """Where a task of the job stands, over all its attempts."""

    WAITING = "waiting"
    """No VM has it in its queue yet."""

    STAGED = "staged"
    """In a VM's queue."""

    RUNNING = "running"
    """An attempt runs, or its results are on the way."""

    FINISHED = "finished"
    """Its results are published."""

    FAILED = "failed"
    """It will not be tried again."""

    @property
    def ended(self) -> bool:
        """Whether the task is done with."""
        return self in (TaskState.FINISHED, TaskState.FAILED)


@dataclass(frozen=True)
class Attempt:
    """One try of a task on one VM.

    :param ran: seconds its container has run, time frozen not counted.
    :param started_at: seconds since the run's start when it was first seen running.
    :param ended_at: seconds since the run's start when it was seen to have ended.
    :param files: what it has left in the bucket, known from its finish until they are published.
    :param error: why it failed, one line; empty otherwise.
    """

    id: str
    vm_id: str
    state: AttemptState
    exit_code: int | None = None
    ran: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    files: tuple[ResultFile, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class TaskRecord:
    """One task of the job.

    :param reason: why it is where it is, one line for the user; empty while all is as planned.
    :param infrastructure: whether a VM's end, not the task's own exit, made it fail.
    """

    id: str
    state: TaskState = TaskState.WAITING
    attempts: tuple[Attempt, ...] = ()
    reason: str = ""
    infrastructure: bool = False

    @property
    def last_attempt(self) -> Attempt | None:
        """The latest attempt, if there is one."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True)
class VmRecord:
    """One VM of the run.

    :param sequence: its number within the run.
    :param price: $/h.
    :param task_ids: its tasks by the plan, in the order in which they start.
    :param cpu_share: the share of a vCPU that each task gets (baseline mode); None is the whole vCPU.
    :param launched_at: when the cloud launched it.
    :param booting_since: when its current boot began: its launch, or when it was seen to have been resumed.
    :param ended_at: seconds since the run's start when it was seen to have ended.
    :param boot_id: the kernel's boot id when its runner first answered.
    :param heartbeat: its runner's, when it was last heard.
    :param heartbeat_at: seconds since the run's start when that heartbeat was first heard.
    :param reason: why it is where it is, one line for the user.
    """

    id: str
    sequence: int
    instance_type: str
    market: Market
    price: float
    task_ids: tuple[str, ...]
    state: VmState = VmState.PLANNED
    instance_id: str | None = None
    launched_at: datetime | None = None
    booting_since: datetime | None = None
    ended_at: float | None = None
    boot_id: str | None = None
    heartbeat: int | None = None
    heartbeat_at: float | None = None
    reason: str = ""
    cpu_share: float | None = None


@dataclass(frozen=True)
class Setback:
    """An action that has failed, and is to be tried again.

    :param failures: how often it has failed in a row.
    :param until: seconds since the run's start, before which it is not tried again.
    """

    failures: int
    until: float


@dataclass(frozen=True)
class RunState:
    """All that a controller's successor needs.

    :param started_at: the run's start, UTC; every other time of the run is seconds since then.
    :param deadline: seconds since the start.
    :param epoch: number of the controller's try; VMs refuse a lower one than they have heard.
    :param supervised_from: seconds since the start at the controller's first step; None before it.
    :param pending: keys of the actions that are being carried out.
    :param setbacks: by key, the actions that have failed and are to be tried again.
    :param deadline_missed: whether the miss has been announced.
    """

    started_at: datetime
    deadline: float
    epoch: int = 0
    vms: Mapping[str, VmRecord] = field(default_factory=dict)
    tasks: Mapping[str, TaskRecord] = field(default_factory=dict)
    supervised_from: float | None = None
    pending: tuple[str, ...] = ()
    setbacks: Mapping[str, Setback] = field(default_factory=dict)
    deadline_missed: bool = False

    @property
    def ended(self) -> bool:
        """Whether every task is done with."""
        return all(task.state.ended for task in self.tasks.values())

    def elapsed(self, now: datetime) -> float:
        """Return the seconds from the run's start to ``now``."""
        return (now - self.started_at).total_seconds()
