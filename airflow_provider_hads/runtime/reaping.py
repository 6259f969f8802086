"""What a dead deployment has left is ended: overdue, and of no run that is alive."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from airflow_provider_hads.cloud.leftovers import Leftover, end_leftover, find_leftovers
from airflow_provider_hads.exceptions import CloudError, StorageError
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout, index_key

__all__ = ["Fate", "Finding", "StateOfRun", "judge", "reap", "render_findings", "run_of"]

log = logging.getLogger(__name__)

StateOfRun = Callable[[str, str], str | None]
"""Returns the state of an Airflow run by DAG id and run id; None where this Airflow knows no such run."""

_ALIVE = frozenset({"queued", "running", "restarting", "up_for_retry"})


class Fate(str, Enum):
    """What becomes of a thing that was found."""

    KEPT = "kept"
    """Its run is alive, or it is not overdue."""

    DUE = "to be ended"
    """It would be ended, were it not a dry run."""

    ENDED = "ended"
    """It was ended just now."""

    FAILED = "NOT ended"
    """The cloud has refused or failed."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found, and what has become of it.

    :param why: the reason, one line.
    """

    leftover: Leftover
    fate: Fate
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        one = self.leftover
        return {
            "kind": one.kind.value,
            "id": one.id,
            "state": one.state,
            "run": one.run,
            "vm_id": one.vm_id,
            "since": one.since.isoformat(),
            "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
            "fate": self.fate.value,
            "why": self.why,
        }


def judge(leftover: Leftover, run_state: str | None, now: datetime, older_than: float | None) -> Finding:
    """Say whether a thing is to be ended.

    :param run_state: its run's state in this Airflow; None where it is not known here.
    :param now: UTC.
    :param older_than: seconds; what is older counts as overdue, whatever its lease. None leaves it to that.
    """
    if run_state in _ALIVE:
        return Finding(leftover, Fate.KEPT, f"its run is {run_state}")
    run = f"its run is {run_state}" if run_state else "its run is not known here"
    age = (now - leftover.since).total_seconds()
    if leftover.expires_at is not None and leftover.expires_at <= now:
        late = (now - leftover.expires_at).total_seconds()
        return Finding(leftover, Fate.DUE, f"its lease is over for {late:.0f} s, and {run}")
    if older_than is not None and age > older_than:
        return Finding(leftover, Fate.DUE, f"it is {age:.0f} s old, and {run}")
    left = "no lease is known" if leftover.expires_at is None else _left(leftover.expires_at - now)
    return Finding(leftover, Fate.KEPT, f"{run}, but it is not overdue: {left}")


def _left(remaining: timedelta) -> str:
    return f"{remaining.total_seconds():.0f} s of its lease are left"


def reap(
    client: Any,
    run_state: Callable[[Leftover], str | None],
    *,
    now: datetime,
    older_than: float | None,
    dry_run: bool,
) -> list[Finding]:
    """Find all that the provider has launched, and end what is overdue and of no living run.

    :param client: a boto3 EC2 client.
    :param run_state: returns the state of the run of a thing, None where it is not known here.
    :param now: UTC.
    :param older_than: seconds; see :func:`judge`.
    :param dry_run: end nothing.
    :return: everything that was found, with what has become of it.
    :raises CloudError: EC2 does not say what there is.
    """
    findings = [judge(one, run_state(one), now, older_than) for one in find_leftovers(client)]
    if dry_run:
        return findings
    return [_ended(client, finding) if finding.fate is Fate.DUE else finding for finding in findings]


def _ended(client: Any, finding: Finding) -> Finding:
    try:
        end_leftover(client, finding.leftover)
    except CloudError as error:
        return Finding(finding.leftover, Fate.FAILED, str(error))
    log.info("Ended %s %s: %s", finding.leftover.kind.value, finding.leftover.id, finding.why)
    return Finding(finding.leftover, Fate.ENDED, finding.why)


def run_of(
    aws_conn_id: str | None, region: str | None, state_of_run: StateOfRun
) -> Callable[[Leftover], str | None]:
    """Return what tells the state of a thing's run: its tag names the bucket, which knows DAG and run id.

    :param state_of_run: asks Airflow.
    """
    known: dict[tuple[str, str], str | None] = {}

    def look(leftover: Leftover) -> str | None:
        key = (leftover.bucket, leftover.run_uid)
        if key not in known:
            claim = _claim(aws_conn_id, region, *key)
            known[key] = state_of_run(claim["dag_id"], claim["run_id"]) if claim else None
        return known[key]

    return look


def _claim(aws_conn_id: str | None, region: str | None, bucket_name: str, uid: str) -> Mapping[str, str]:
    """Return what a run's bucket says about it; nothing where it can't be read."""
    if not bucket_name or not uid:
        return {}
    try:
        bucket = Bucket.connect(aws_conn_id, bucket_name, region)
        entry = json.loads(bucket.find(index_key(uid)) or "{}")
        if not entry:
            return {}
        name = f"{entry['job_id']}_{entry['execution_id']}"
        claim: dict[str, str] = json.loads(bucket.get(RunLayout(name).claim))
    except StorageError as error:
        log.warning("Run %s: whether it is alive can't be seen: %s", uid, error)
        return {}
    return claim if {"dag_id", "run_id"} <= claim.keys() else {}


def render_findings(findings: Iterable[Finding], now: datetime) -> str:
    """Return a table for people.

    :param now: UTC.
    """
    rows = [("KIND", "ID", "STATE", "RUN", "VM", "AGE", "FATE", "WHY")]
    for finding in findings:
        one = finding.leftover
        age = f"{(now - one.since).total_seconds():.0f} s"
        rows.append((one.kind.value, one.id, one.state, one.run, one.vm_id, age, finding.fate, finding.why))
    if len(rows) == 1:
        return "Nothing of this provider is there."
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ("  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows)
    return "\n".join(lines)
