"""What runs of the building blocks' DAG have left on the local cloud."""

from __future__ import annotations

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import instances_of, keys_below, read_json

__all__ = ["DAG_ID", "SPOT_TASKS", "TASKS", "known_runs", "places", "published", "spot_instance"]

DAG_ID = "hads_building_blocks"
SPOT_TASKS = ["spot_task_0", "spot_task_1", "spot_task_2"]
TASKS = [*SPOT_TASKS, "safe_task"]


def known_runs(cloud: LocalCloud) -> list[str]:
    """Return the folders of runs that have begun a task, by name."""
    keys = keys_below(cloud, f"{DAG_ID}_")
    return sorted({key.split("/")[0] for key in keys if "/tickets/" in key})


def spot_instance(cloud: LocalCloud, run: str) -> str:
    """Return the instance id of a run's spot VM."""
    return str(instances_of(cloud, run)["spot"]["InstanceId"])


def places(cloud: LocalCloud, run: str, task: str) -> list[str]:
    """Return the VMs on which a task was tried, attempt by attempt."""
    keys = keys_below(cloud, f"{run}/_hads/tickets/{task}/")
    return [read_json(cloud, key)["vm"]["vm_id"] for key in keys]


def published(cloud: LocalCloud, run: str) -> dict[str, str]:
    """Return the attempts whose results are published, by task."""
    manifests = {task: f"{run}/{task}/manifest.json" for task in TASKS}
    there = set(keys_below(cloud, f"{run}/"))
    return {task: read_json(cloud, key)["attempt_id"] for task, key in manifests.items() if key in there}
