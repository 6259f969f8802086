"""What a dead deployment has left is ended: overdue, and of no run that is alive, or could still use it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from airflow_provider_hads.cloud.leftovers import Leftover, end_leftover, find_leftovers
from airflow_provider_hads.exceptions import CloudError, StorageError
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout, index_key

__all__ = [
    "GRACE",
    "Fate",
    "Finding",
    "StateOfRun",
    "Unseen",
    "judge",
    "reap",
    "render_findings",
    "run_of",
    "unseen_runs",
]

log = logging.getLogger(__name__)

StateOfRun = Callable[[str, str], str | None]
"""Returns the state of an Airflow run by DAG id and run id; None where this Airflow knows no such run."""

GRACE = 86400.0
"""Seconds after the end of a lease for which a run that is called running still keeps what is its own.

A run gives up when its first leases end. One that is called running long after that has no controller: its
scheduler is dead, its DAG paused or deleted. A day costs little: what is awake has ended by then. And a VM
of a hand-written DAG may have a later lease than it is tagged with, where its task was tried again.
"""

_ALIVE = frozenset({"queued", "running", "restarting", "up_for_retry"})


@dataclass(frozen=True)
class Unseen:
    """The state of a run that can't be seen: it may be alive.

    :param problem: why, one line.
    """

    problem: str


class Fate(str, Enum):
    """What becomes of a thing that was found."""

    KEPT = "kept"
    """Its run is alive or may be, or it is not overdue."""

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
    :param unseen: why its run's state can't be seen, one line; empty where it can.
    """

    leftover: Leftover
    fate: Fate
    why: str
    unseen: str = ""

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
            "unseen": self.unseen,
        }


def judge(
    leftover: Leftover, run_state: str | Unseen | None, now: datetime, older_than: float | None
) -> Finding:
    """Say whether a thing is to be ended.

    :param run_state: its run's state in this Airflow; None where it is not known here.
    :param now: UTC.
    :param older_than: seconds; what is older counts as overdue, whatever its lease. None leaves it to that,
        and so does a run whose state can't be seen.
    """
    if isinstance(run_state, Unseen):
        found = _by_lease(leftover, "whether its run is alive can't be seen", now, older_than=None)
        return replace(found, unseen=run_state.problem)
    if run_state in _ALIVE:
        return _of_living(leftover, f"its run is {run_state}", now)
    run = f"its run is {run_state}" if run_state else "its run is not known here"
    return _by_lease(leftover, run, now, older_than)


def _of_living(leftover: Leftover, run: str, now: datetime) -> Finding:
    late = _late(leftover, now)
    if late is None or late < GRACE:
        return Finding(leftover, Fate.KEPT, run)
    why = f"its lease is over for {late:.0f} s: {run}, but a run gives up when its leases end"
    return Finding(leftover, Fate.DUE, why)


def _late(leftover: Leftover, now: datetime) -> float | None:
    """Return the seconds since the end of a thing's lease, below 0 before it; None where none is known."""
    return None if leftover.expires_at is None else (now - leftover.expires_at).total_seconds()


def _by_lease(leftover: Leftover, run: str, now: datetime, older_than: float | None) -> Finding:
    age, late = (now - leftover.since).total_seconds(), _late(leftover, now)
    if late is not None and late >= 0:
        return Finding(leftover, Fate.DUE, f"its lease is over for {late:.0f} s, and {run}")
    if older_than is not None and age > older_than:
        return Finding(leftover, Fate.DUE, f"it is {age:.0f} s old, and {run}")
    left = "no lease is known" if late is None else f"{-late:.0f} s of its lease are left"
    return Finding(leftover, Fate.KEPT, f"{run}, but it is not overdue: {left}")


def reap(
    client: Any,
    run_state: Callable[[Leftover], str | Unseen | None],
    *,
    now: datetime,
    older_than: float | None,
    dry_run: bool,
) -> list[Finding]:
    """Find all that the provider has launched, and end what is overdue and of no run that could still use it.

    :param client: a boto3 EC2 client.
    :param run_state: returns the state of the run of a thing, None where it is not known here; see
        :func:`judge`.
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
        return replace(finding, fate=Fate.FAILED, why=str(error))
    log.info("Ended %s %s: %s", finding.leftover.kind.value, finding.leftover.id, finding.why)
    return replace(finding, fate=Fate.ENDED)


def unseen_runs(findings: Iterable[Finding]) -> list[str]:
    """Return a line for each run whose state could not be seen: which it is, why, and what that means."""
    problems = {finding.leftover.run_uid: finding for finding in findings if finding.unseen}
    return [
        f"Run {one.leftover.run or uid}: whether it is alive can't be seen, so that what is its own is ended "
        f"only when its lease is over: {one.unseen}"
        for uid, one in problems.items()
    ]


def run_of(
    aws_conn_id: str | None, region: str | None, state_of_run: StateOfRun
) -> Callable[[Leftover], str | Unseen | None]:
    """Return what tells the state of a thing's run: its tag names the bucket, which knows DAG and run id.

    :param state_of_run: asks Airflow.
    """
    known: dict[tuple[str, str], str | Unseen | None] = {}

    def state(bucket_name: str, uid: str) -> str | Unseen | None:
        try:
            claim = _claim(aws_conn_id, region, bucket_name, uid)
        except StorageError as error:
            return Unseen(" ".join(str(error).split()))
        return state_of_run(claim["dag_id"], claim["run_id"]) if claim else None

    def look(leftover: Leftover) -> str | Unseen | None:
        key = (leftover.bucket, leftover.run_uid)
        if key not in known:
            known[key] = state(*key)
        return known[key]

    return look


def _claim(aws_conn_id: str | None, region: str | None, bucket_name: str, uid: str) -> Mapping[str, str]:
    """Return what a run's bucket says about it; nothing where it knows no such run.

    :raises StorageError: the bucket can't be read, or what it says.
    """
    if not bucket_name or not uid:
        return {}
    bucket = Bucket.connect(aws_conn_id, bucket_name, region)
    entry = bucket.find(index_key(uid))
    if entry is None:
        return {}
    try:
        found = json.loads(entry)
        claim = json.loads(bucket.get(RunLayout(f"{found['job_id']}_{found['execution_id']}").claim))
        return claim if {"dag_id", "run_id"} <= claim.keys() else {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"s3://{bucket_name}/{index_key(uid)} or the claim that it names is damaged: {error!r}"
        raise StorageError(problem) from error


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
