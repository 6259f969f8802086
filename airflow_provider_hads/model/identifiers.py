"""Ids that are safe as path segments, object keys, tags and container names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = ["RunIdentity", "is_safe_name", "launch_token"]

_SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")


def is_safe_name(name: str) -> bool:
    """Say whether a name can be used unquoted as a path segment, key, tag or container name.

    Letters, digits, ``_``, ``.`` and ``-``; 1 to 64 characters; first and last a letter or digit.
    """
    return _SAFE_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class RunIdentity:
    """One execution of a job.

    :param job_id: the job's id, a safe name.
    :param execution_id: 0 for the first execution of the job in its bucket, then 1, 2, ...
    :param uid: unique over all buckets and accounts; what a run owns is tagged with it.
    :param bucket: name of the bucket that holds the run's inputs and results.
    """

    job_id: str
    execution_id: int
    uid: str
    bucket: str

    @property
    def name(self) -> str:
        """``<job_id>_<execution_id>``: the run's folder in the bucket."""
        return f"{self.job_id}_{self.execution_id}"


def launch_token(run_uid: str, generation: int, sequence: int) -> str:
    """Return the ClientToken of a launch: the same VM of the same generation is never launched twice.

    :param run_uid: the run's uid.
    :param generation: how often the run's supervision has been cleared and started again.
    :param sequence: the VM's number within the run.
    """
    return hashlib.sha256(f"{run_uid}/{generation}/{sequence}".encode()).hexdigest()
