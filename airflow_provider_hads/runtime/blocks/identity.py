"""Which run of a hand-written DAG a task belongs to."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_hads.model.identifiers import RunIdentity, is_safe_name
from airflow_provider_hads.storage.executions import claim_execution

if TYPE_CHECKING:
    from airflow_provider_hads.storage.bucket import Bucket

__all__ = ["AirflowRun", "claim_run", "safe_name"]

_LONGEST = 48
"""Characters; an attempt's id, which has the task's name in it, stays a safe name."""


@dataclass(frozen=True)
class AirflowRun:
    """What Airflow says about a run.

    :param run_after: UTC; tells a run from an earlier, deleted one of the same id.
    """

    dag_id: str
    run_id: str
    run_after: datetime

    def uid(self, bucket: str) -> str:
        """Return the uid of the run's VMs: the same for all tasks and tries of it, another for any other.

        It differs from that of a generated DAG's run.
        """
        text = "\n".join(["blocks", bucket, self.dag_id, self.run_id, self.run_after.isoformat()])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def claim_run(bucket: Bucket, run: AirflowRun) -> RunIdentity:
    """Return the run's identity: its folder ``<dag>_<n>`` in the bucket is claimed by whoever asks first.

    :raises StorageError: the bucket can't be read or written.
    """
    job_id, uid = safe_name(run.dag_id), run.uid(bucket.name)
    details = {"dag_id": run.dag_id, "run_id": run.run_id}
    return RunIdentity(job_id, claim_execution(bucket, job_id, uid, details), uid, bucket.name)


def safe_name(name: str) -> str:
    """Return a name, or one like it that is short and safe as a path segment, key or container name."""
    if is_safe_name(name) and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    kept = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[: _LONGEST - 10].strip("_.-")
    return f"{kept}-{digest}" if kept else digest
