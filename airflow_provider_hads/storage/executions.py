"""Which execution of a job a run is: claimed once, race-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_hads.exceptions import InputError, StorageError
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout, execution_of, index_key

__all__ = ["claim_execution"]

_TRIES = 1000
_RECENT = 20
"""Claims in which a try that was killed between its claim and its index entry looks for itself."""


def claim_execution(bucket: Bucket, job_id: str, uid: str, details: Mapping[str, Any]) -> int:
    """Claim the next execution id of a job, or return the one that this run has claimed before.

    The claim is written with ``If-None-Match: *``: of two runs at the same time, one gets the id and the
    other goes on to the next.

    :param uid: the run's uid; claims are told apart by it.
    :param details: kept in the claim, for people.
    :raises InputError: the run has claimed one of another job before.
    :raises StorageError: the bucket can't be read or written.
    """
    indexed = bucket.find(index_key(uid))
    if indexed is not None:
        return _execution_of(json.loads(indexed), job_id)
    execution_id = _claim(bucket, job_id, uid, details)
    entry = json.dumps({"job_id": job_id, "execution_id": execution_id}).encode()
    if bucket.put_if_absent(index_key(uid), entry):
        return execution_id
    return int(json.loads(bucket.get(index_key(uid)))["execution_id"])  # another try of this run was first


def _execution_of(entry: Mapping[str, Any], job_id: str) -> int:
    if entry["job_id"] != job_id:
        problem = f"'{job_id}' is another job than '{entry['job_id']}', for which this run was opened"
        raise InputError("job.json", "job_id", f"{problem}; start a new run for it")
    return int(entry["execution_id"])


def _claim(bucket: Bucket, job_id: str, uid: str, details: Mapping[str, Any]) -> int:
    taken = sorted(_taken(bucket, job_id), reverse=True)
    for execution_id in taken[:_RECENT]:
        if _owner(bucket, job_id, execution_id) == uid:
            return execution_id
    following = taken[0] + 1 if taken else 0
    content = json.dumps({"uid": uid, **details}, indent=2).encode()
    for execution_id in range(following, following + _TRIES):
        if bucket.put_if_absent(RunLayout(f"{job_id}_{execution_id}").claim, content):
            return execution_id
    raise StorageError(f"Bucket {bucket.name}: no free execution id for job {job_id} after {_TRIES} tries")


def _taken(bucket: Bucket, job_id: str) -> list[int]:
    found = (execution_of(job_id, folder) for folder in bucket.folders(f"{job_id}_"))
    return [execution_id for execution_id in found if execution_id is not None]


def _owner(bucket: Bucket, job_id: str, execution_id: int) -> str | None:
    claim = bucket.find(RunLayout(f"{job_id}_{execution_id}").claim)
    if claim is None:
        return None
    try:
        owner = json.loads(claim).get("uid")
    except (ValueError, AttributeError):
        return None
    return owner if isinstance(owner, str) else None
