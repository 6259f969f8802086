"""What a controller can want done, each with a key that tells it from all others, and its reason."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from airflow_provider_hads.model.runner import ResultFile

__all__ = ["PUBLISH_LANES", "Action", "DeployVm", "PublishResults", "Reason", "RenewLease"]

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


Action: TypeAlias = "PublishResults | DeployVm | RenewLease"
"""Any action."""
