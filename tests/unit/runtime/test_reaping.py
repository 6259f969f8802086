"""What the reaper ends, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.cloud.leftovers import Kind, Leftover, end_leftover
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.runtime.reaping import GRACE, Fate, Unseen, judge, render_findings, unseen_runs

UNSEEN = Unseen("no such bucket")
NOW = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


def leftover(age: float = 3600.0, lease_left: float | None = 600.0) -> Leftover:
    expires_at = None if lease_left is None else NOW + timedelta(seconds=lease_left)
    since = NOW - timedelta(seconds=age)
    return Leftover(Kind.INSTANCE, "i-1", "running", since, expires_at, "uid", "job_0", "vm-0", "bucket")


@pytest.mark.parametrize(
    ("lease_left", "older_than", "run_state", "fate"),
    [
        (-1.0, None, "failed", Fate.DUE),
        (-1.0, None, "success", Fate.DUE),
        (-1.0, None, None, Fate.DUE),
        (-1.0, None, "running", Fate.KEPT),
        (-GRACE + 1.0, None, "running", Fate.KEPT),
        (-GRACE, None, "running", Fate.DUE),
        (-GRACE, None, "up_for_retry", Fate.DUE),
        (None, 60.0, "running", Fate.KEPT),
        (-1.0, None, UNSEEN, Fate.DUE),
        (600.0, 60.0, UNSEEN, Fate.KEPT),
        (None, 60.0, UNSEEN, Fate.KEPT),
        (-1.0, 60.0, "queued", Fate.KEPT),
        (600.0, None, "failed", Fate.KEPT),
        (600.0, 60.0, "failed", Fate.DUE),
        (600.0, 60.0, None, Fate.DUE),
        (600.0, 7200.0, "failed", Fate.KEPT),
        (None, None, None, Fate.KEPT),
        (None, 60.0, None, Fate.DUE),
    ],
)
def test_what_is_overdue_and_of_no_living_run_is_ended(
    lease_left: float | None, older_than: float | None, run_state: str | Unseen | None, fate: Fate
) -> None:
    assert judge(leftover(lease_left=lease_left), run_state, NOW, older_than).fate is fate


def test_the_reason_is_told_in_a_line() -> None:
    assert judge(leftover(), "failed", NOW, 60).why == "it is 3600 s old, and its run is failed"
    assert judge(leftover(lease_left=-30), None, NOW, None).why == (
        "its lease is over for 30 s, and its run is not known here"
    )
    assert judge(leftover(), None, NOW, None).why == (
        "its run is not known here, but it is not overdue: 600 s of its lease are left"
    )
    assert judge(leftover(lease_left=-90000), "running", NOW, None).why == (
        "its lease is over for 90000 s: its run is running, but a run gives up when its leases end"
    )
    assert judge(leftover(), UNSEEN, NOW, 60).why == (
        "whether its run is alive can't be seen, but it is not overdue: 600 s of its lease are left"
    )


def test_a_run_that_can_not_be_seen_is_told_of_once_with_the_reason() -> None:
    findings = [judge(leftover(), state, NOW, 60) for state in (UNSEEN, UNSEEN, "running", None)]

    assert unseen_runs(findings) == [
        "Run job_0: whether it is alive can't be seen, so that what is its own is ended only when its lease "
        "is over: no such bucket"
    ]
    assert [finding.to_json()["unseen"] for finding in findings] == [
        "no such bucket",
        "no such bucket",
        "",
        "",
    ]


def test_the_table_has_a_line_for_each() -> None:
    table = render_findings([judge(leftover(), "running", NOW, None)], NOW).splitlines()

    assert table[0].split() == ["KIND", "ID", "STATE", "RUN", "VM", "AGE", "FATE", "WHY"]
    assert table[1].split()[:7] == ["instance", "i-1", "running", "job_0", "vm-0", "3600", "s"]
    assert table[1].endswith("kept        its run is running".replace("        ", "  "))
    assert render_findings([], NOW) == "Nothing of this provider is there."


class Calls:
    """A client that only remembers what it was told.

    :param codes: by id, with which it answers; it does the rest.
    """

    def __init__(self, codes: Mapping[str, str] | None = None) -> None:
        self.told: list[tuple[str, list[str]]] = []
        self._codes = codes or {}

    def cancel_spot_instance_requests(self, **request: list[str]) -> None:
        self._take("cancel", request["SpotInstanceRequestIds"])

    def terminate_instances(self, **request: list[str]) -> None:
        self._take("terminate", request["InstanceIds"])

    def _take(self, what: str, ids: list[str]) -> None:
        self.told.append((what, ids))
        for one in ids:
            if one in self._codes:
                raise ClientError({"Error": {"Code": self._codes[one], "Message": one}}, what)


VM_AND_REQUEST = pytest.mark.parametrize(
    "spot",
    [
        replace(leftover(), spot_request_id="sir-1"),
        replace(leftover(), kind=Kind.SPOT_REQUEST, id="sir-1", instance_id="i-1"),
    ],
    ids=["a VM and its request", "a request and what it has launched without tags"],
)


@VM_AND_REQUEST
def test_a_vm_is_ended_though_its_spot_request_is_gone(spot: Leftover) -> None:
    calls = Calls({"sir-1": "InvalidSpotInstanceRequestID.NotFound", "i-1": "InvalidInstanceID.NotFound"})

    end_leftover(calls, spot)

    assert calls.told == [("cancel", ["sir-1"]), ("terminate", ["i-1"])]


@VM_AND_REQUEST
def test_a_vm_is_left_where_its_spot_request_can_not_be_cancelled(spot: Leftover) -> None:
    calls = Calls({"sir-1": "InternalError"})

    with pytest.raises(CloudError, match="CancelSpotInstanceRequests for sir-1: InternalError"):
        end_leftover(calls, spot)
    assert calls.told == [("cancel", ["sir-1"])]


@VM_AND_REQUEST
def test_a_spot_request_is_cancelled_before_its_vm_is_ended(spot: Leftover) -> None:
    calls = Calls()

    end_leftover(calls, spot)

    assert calls.told == [("cancel", ["sir-1"]), ("terminate", ["i-1"])]
