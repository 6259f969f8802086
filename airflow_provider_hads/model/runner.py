"""What the controller and a VM's runner say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = [
    "AttemptState",
    "AttemptStatus",
    "Exchange",
    "ResultFile",
    "StagedFile",
    "TaskOrder",
    "VmNotice",
    "VmStatus",
]


class AttemptState(str, Enum):
    """Where an attempt stands on its VM."""

    QUEUED = "queued"
    """In the VM's queue; it can still be stolen."""

    STAGING = "staging"
    """Taken by the runner; image and files are being fetched."""

    RUNNING = "running"
    """Its container runs."""

    UPLOADING = "uploading"
    """The container has ended; results are on the way to the bucket."""

    FINISHED = "finished"
    """Exit code 0, results uploaded; not published yet."""

    FAILED = "failed"
    """Non-zero exit code, or it could not be started or uploaded."""

    CANCELLED = "cancelled"
    """Dropped on the controller's word."""

    @property
    def ended(self) -> bool:
        """Whether the VM is done with it."""
        return self in (AttemptState.FINISHED, AttemptState.FAILED, AttemptState.CANCELLED)


@dataclass(frozen=True)
class StagedFile:
    """One file of a task, to be put into its work folder before it starts.

    :param path: relative to the work folder.
    :param sha256: digest of its content, also the last part of its key in the bucket.
    :param size: bytes.
    :param mode: permission bits.
    """

    path: str
    sha256: str
    size: int
    mode: int = 0o644


@dataclass(frozen=True)
class ResultFile:
    """One file an attempt has uploaded.

    :param path: relative to the work folder.
    :param size: bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class TaskOrder:
    """One attempt of a task, for a VM's queue.

    :param attempt_id: unique within the run, a safe name.
    :param position: the queue is worked off in ascending position.
    :param memory: MB; the container's limit.
    :param reserved: MB that it is expected to need: it waits until that is free beside what runs there.
    :param cpu_share: share of one vCPU (baseline mode of a burstable VM); None is the whole vCPU.
    :param progress: share of the task that is done already, to be restored from its checkpoint.
    """

    attempt_id: str
    task_id: str
    position: int
    command: str
    image: str
    work_dir: str
    memory: float
    files: tuple[StagedFile, ...] = ()
    reserved: float = 0.0
    cpu_share: float | None = None
    progress: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """One message from the controller to a VM; the answer is always the VM's whole status.

    :param epoch: the controller's epoch; a VM refuses what is lower than the highest it has seen.
    :param expiry: new end of the lease, Unix seconds; None leaves it.
    :param enqueue: attempts for the queue; one that is there already is left as it is.
    :param steal: ids of queued attempts to take back; those that had been taken stay.
    :param cancel: ids of attempts to drop, running ones included.
    """

    epoch: int
    expiry: float | None = None
    enqueue: tuple[TaskOrder, ...] = ()
    steal: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttemptStatus:
    """One attempt as its VM reports it.

    :param slot: the slot it runs in, from 0; None before it is taken.
    :param ran: seconds its container has run, counted in capped ticks: time frozen is not in it.
    :param started: the VM's tick clock (seconds since its runner's first start) when the container started.
    :param files: results uploaded below ``<task>/attempts/<attempt>/data/``.
    :param error: why it failed, one line for the user; empty otherwise.
    :param saved: share of the task that its last checkpoint keeps.
    """

    attempt_id: str
    task_id: str
    state: AttemptState
    slot: int | None = None
    exit_code: int | None = None
    ran: float = 0.0
    started: float | None = None
    files: tuple[ResultFile, ...] = ()
    error: str = ""
    saved: float = 0.0


@dataclass(frozen=True)
class VmNotice:
    """What a spot VM's metadata service says will be done to it.

    :param action: ``stop``, ``terminate`` or ``hibernate``.
    :param seconds: until then, by the VM's clock, when it said so.
    """

    action: str
    seconds: float


@dataclass(frozen=True)
class VmStatus:
    """All that a VM's runner knows.

    :param boot_id: the kernel's; another one than before means that the memory is gone.
    :param heartbeat: rises with every tick of the runner.
    :param epoch: highest epoch heard.
    :param expiry: end of the lease, Unix seconds by the VM's clock.
    :param slots: tasks at once.
    :param holding: it starts nothing new until a controller speaks, since it noticed a gap.
    :param stolen: ids given back by this exchange.
    :param notice: the cloud's word that it will be interrupted; None while there is none.
    :param slept: seconds for which it was frozen, stopped or off since its runner first started; None where
        it does not tell.
    """

    boot_id: str
    heartbeat: int
    epoch: int
    expiry: float
    slots: int
    holding: bool = False
    attempts: Mapping[str, AttemptStatus] = field(default_factory=dict)
    stolen: tuple[str, ...] = ()
    notice: VmNotice | None = None
    slept: float | None = None
