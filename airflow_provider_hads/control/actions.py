"""What a controller can want done, each with a key that tells it from all others, and its reason."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.runner import ResultFile

__all__ = [
    "PUBLISH_LANES",
    "Action",
    "AssignTask",
    "CancelAttempt",
    "DeployVm",
    "LaunchVm",
    "PublishResults",
    "Reason",
    "RenewLease",
    "StealTask",
    "TerminateVm",
]

PUBLISH_LANES = 8
"""Results of this many tasks are published at once."""


class Reason(str, Enum):
    """Stable codes of why an action is wanted; they stand in logs and reports."""

    ATTEMPT_FINISHED = "attempt-finished"
    """An attempt has ended well and its results are in the bucket."""

    VM_WITHOUT_RUNNER = "vm-without-runner"
    """The VM answers, but its deployment has not been finished."""

    TASKS_NOT_QUEUED = "tasks-not-queued"
    """The VM's runner works, but tasks of the plan are missing in its queue."""

    RUNNER_STANDS_STILL = "runner-stands-still"
    """The VM answers, but its runner's loop does not go on: it has died or hangs."""

    LEASE_ENDING = "lease-ending"
    """The VM is still needed and would power itself off soon."""

    LAUNCH_BY_PLAN = "launch-by-plan"
    """The policy's plan has this VM."""

    ASKED_AGAIN = "asked-again"
    """An earlier try of the controller has asked for the VM, and did not hear how that ended."""

    SPOT_FOR_OPEN_WORK = "spot-for-open-work"
    """More spot VMs are needed to end the open work before on-demand VMs have to be launched."""

    CHEAPER_THAN_SPOT = "cheaper-than-spot"
    """An on-demand VM of this type does the open work for less than any spot VM."""

    LATEST_SAFE_TIME = "latest-safe-time"
    """Were all spot VMs lost later than now, the deadline could not be met."""

    BEHIND_EVEN_PACE = "behind-even-pace"
    """The work done is less than an even pace to the deadline asks for."""

    AHEAD_OF_EVEN_PACE = "ahead-of-even-pace"
    """The work done is more than an even pace asks for: nothing need run for now."""

    SPOT_IS_BACK = "spot-is-back"
    """A spot VM was asked for because there might be one again."""

    LONGEST_FIRST = "longest-first"
    """A slot is free, and this is the longest task that waits."""

    BACKSTOP_NEEDS_IT = "backstop-needs-it"
    """An on-demand VM must start this task now for the deadline's sake; another copy may be running."""

    LEAST_LATENESS = "least-lateness"
    """The deadline can't be met any more; the longest task that waits goes first."""

    COPY_OF_FROZEN = "copy-of-frozen"
    """The slot would be idle, and the task's own VM is hibernated; the first copy to end counts."""

    MIGRATED = "migrated"
    """The task's own VM was interrupted."""

    EARLIEST_END = "earliest-end"
    """The task's own VM was interrupted, and no VM can end it by the deadline; this one ends it first."""

    LEAVING = "leaving"
    """The VM has notice that it will be stopped or terminated before the task could end there."""

    MIGRATION_TARGET = "migration-target"
    """No VM can take an interrupted one's work by the deadline; this one can, cheapest."""

    REPLACES_LOST = "replaces-lost"
    """A spot VM of this type takes the place of one that is gone, or could not be had."""

    STOLEN = "stolen"
    """It ends sooner here than in the queue where it was."""

    FOLLOWS_PLAN = "follows-plan"
    """The plan has it next on this VM."""

    SUPERSEDED = "superseded"
    """Another attempt of the task has ended first."""

    DROPPED = "dropped"
    """The controller has taken this attempt for ended."""

    VM_IDLE = "vm-idle"
    """No work is left for the VM."""

    CYCLE_ENDS = "cycle-ends"
    """The VM is idle and its allocation cycle ends."""

    LAUNCHED_IN_ITS_PLACE = "launched-in-its-place"
    """The VM has ended, and its spot request has launched another instance, which nobody has asked for."""

    GIVEN_UP = "given-up"
    """The VM can't be used: it never came to work, or has fallen silent."""

    BLOCKS_A_LIMIT = "blocks-a-limit"
    """The VM is hibernated, and a VM that works is needed in its place."""

    TOO_LATE_TO_WAIT = "too-late-to-wait"
    """The VM is hibernated, and would come back too late to be of use."""

    SPOT_INSTEAD = "spot-instead"
    """Its work goes on on a spot VM."""

    RUN_ENDED = "run-ended"
    """All tasks have ended."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class PublishResults:
    """Make an attempt's results the task's results.

    Its key names the task alone: one attempt of a task is published at a time.
    """

    task_id: str
    attempt_id: str
    files: tuple[ResultFile, ...]
    reason: Reason = Reason.ATTEMPT_FINISHED

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"publish/{self.task_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"publish/{zlib.crc32(self.task_id.encode()) % PUBLISH_LANES}"


@dataclass(frozen=True)
class DeployVm:
    """Install a VM's runner where it is missing, and put tasks into its queue.

    :param task_ids: in the order in which they are to start.
    """

    vm_id: str
    task_ids: tuple[str, ...]
    reason: Reason

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"deploy/{self.vm_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"vm/{self.vm_id}"


@dataclass(frozen=True)
class RenewLease:
    """Move the time at which a VM powers itself off.

    :param expiry: new end of the lease, UTC.
    """

    vm_id: str
    expiry: datetime
    reason: Reason = Reason.LEASE_ENDING

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"lease/{self.vm_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"vm/{self.vm_id}"


@dataclass(frozen=True)
class LaunchVm:
    """Launch one VM.

    :param sequence: the VM's number within the run; with the run's generation it is the launch's identity.
    :param zone: where; empty leaves it to the cloud.
    """

    vm_id: str
    sequence: int
    instance_type: str
    market: Market
    reason: Reason
    zone: str = ""

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"launch/{self.vm_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"cloud/{self.vm_id}"


@dataclass(frozen=True)
class TerminateVm:
    """End a VM for good, and its spot request before it."""

    vm_id: str
    reason: Reason

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"terminate/{self.vm_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"cloud/{self.vm_id}"


@dataclass(frozen=True)
class AssignTask:
    """Put a new attempt of a task into a VM's queue.

    :param progress: share of the task that is done already, to be restored from its checkpoint.
    """

    vm_id: str
    task_id: str
    attempt_id: str
    reason: Reason
    progress: float = 0.0
    cpu_share: float | None = None

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"assign/{self.attempt_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"vm/{self.vm_id}"


@dataclass(frozen=True)
class CancelAttempt:
    """Drop an attempt: out of the queue if it waits there, else its container is stopped."""

    vm_id: str
    task_id: str
    attempt_id: str
    reason: Reason

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"cancel/{self.attempt_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"vm/{self.vm_id}"


@dataclass(frozen=True)
class StealTask:
    """Take an attempt that waits back out of a VM's queue.

    If the VM has begun with it, it stays there and nothing is lost: exactly one side wins. What was given
    back stands in the VM's answer, as :attr:`~airflow_provider_hads.model.runner.VmStatus.stolen`.
    """

    vm_id: str
    task_id: str
    attempt_id: str
    reason: Reason

    @property
    def key(self) -> str:
        """Tells this action from all others of the run."""
        return f"steal/{self.attempt_id}"

    @property
    def lane(self) -> str:
        """Actions of one lane are carried out one after the other."""
        return f"vm/{self.vm_id}"


Action: TypeAlias = (
    "PublishResults | DeployVm | RenewLease | LaunchVm | TerminateVm | AssignTask | StealTask | CancelAttempt"
)
"""Any action."""
