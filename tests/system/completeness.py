"""What must hold of a run's results, whatever has happened to its VMs."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.system.interrupted_jobs import STEP, counted
from tests.system.run_in_cloud import RunInCloud

__all__ = ["assert_complete", "ended_on"]

BILL_TOLERANCE = 0.01


def assert_complete(run: RunInCloud, task_ids: Collection[str], seconds: float) -> None:
    """Check that the run is a success by its deadline, with every result whole and published once."""
    assert run.wait_for_end() == "success"
    report = run.xcom("report")
    assert (report["finished"], report["deadline_met"]) == (len(task_ids), True)
    for task_id in task_ids:
        assert counted(run.result(task_id, "out")) == list(range(1, int(seconds / STEP) + 1))
    assert {*run.manifests()} == {*task_ids}
    story = run.log("supervise")
    for task_id in task_ids:
        assert story.count(f"Task {task_id}: results published") == 1
    assert run.left() == []
    bill = [item for item in run.cloud.bill() if item.run == run.identity["uid"]]
    # The cloud tells when a hibernation began and ended, and bills by that: whole seconds.
    told = {vm["instance_id"]: vm["seconds"] for vm in report["vms"]}
    billed = {item.instance_id: item.seconds for item in bill}
    assert sum(told.values()) == pytest.approx(sum(billed.values()), rel=BILL_TOLERANCE), (told, billed)
    assert report["cost"] == pytest.approx(sum(item.dollars for item in bill), rel=BILL_TOLERANCE)


def ended_on(run: RunInCloud, task_id: str) -> str:
    """Return the VM whose attempt was published."""
    published = run.manifests()[task_id]["attempt_id"]
    return next(str(one["vm"]) for one in run.attempts(task_id) if one["id"] == published)
