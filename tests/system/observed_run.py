"""One run of a job on the tests' deployment: what Airflow says of it, and what it has in the cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import ENDED, AirflowDeployment
from tests.system.processes import process_titled
from tests.system.rest import Json

__all__ = ["ObservedRun", "trigger"]

LIVING_REQUESTS = ("open", "active", "disabled")


def trigger(
    deployment: AirflowDeployment, cloud: LocalCloud, dag_id: str, conf: Mapping[str, Any] | None = None
) -> ObservedRun:
    """Start a run by REST.

    :param conf: values of the DAG's params.
    """
    deployment.wait_for_dag(dag_id)
    return ObservedRun(deployment, cloud, dag_id, deployment.api.trigger(dag_id, conf))


@dataclass(frozen=True)
class ObservedRun:
    """A run; every look asks anew."""

    deployment: AirflowDeployment
    cloud: LocalCloud
    dag_id: str
    run_id: str

    def states(self, task_id: str) -> list[str | None]:
        """Return the states of a task's instances, by map index."""
        return [one["state"] for one in self.instances(task_id)]

    def instances(self, task_id: str) -> list[Json]:
        """Return all that the API knows of a task's instances, by map index."""
        found = self.deployment.api.task_instances(self.dag_id, self.run_id)
        return sorted(
            (one for one in found if one["task_id"] == task_id), key=lambda one: int(one["map_index"])
        )

    def wait_for(self, task_id: str, *states: str, timeout: float = 120.0) -> None:
        """Wait until one instance of a task is in one of those states."""
        what = f"{task_id} {' or '.join(states)}"
        self._wait(what, lambda: bool({*self.states(task_id)} & {*states}), timeout)

    def wait_until_all(self, task_id: str, state: str, timeout: float = 120.0) -> None:
        """Wait until all instances of a task are in that state."""
        self._wait(f"all of {task_id} {state}", lambda: {*self.states(task_id)} == {state}, timeout)

    def wait_for_running_tasks(self, count: int, timeout: float = 120.0) -> None:
        """Wait until that many of the job's tasks run on VMs."""

        def enough() -> bool:
            tasks = self.snapshot()["tasks"].values()
            return [task["state"] for task in tasks].count("running") >= count

        self.wait_for("supervise", "running")
        self._wait("snapshot", lambda: "snapshot" in self.xcom_keys("supervise"), timeout)
        self._wait(f"{count} tasks at work", enough, timeout)

    def wait_for_vm(self, vm_id: str, state: str, timeout: float = 60.0) -> None:
        """Wait until the controller sees a VM in that state."""

        def seen() -> bool:
            vm = self.snapshot()["vms"].get(vm_id)
            return vm is not None and vm["state"] == state

        self._wait(f"{vm_id} {state}", seen, timeout)

    def wait_for_tasks(self, task_ids: Collection[str], state: str, timeout: float = 180.0) -> None:
        """Wait until tasks of the job are in that state."""

        def seen() -> bool:
            tasks = self.snapshot()["tasks"]
            return all(tasks[task_id]["state"] == state for task_id in task_ids)

        self._wait(f"{', '.join(sorted(task_ids))} {state}", seen, timeout)

    def instance_id(self, vm_id: str) -> str:
        """Return which instance a VM of the run is."""
        return str(self.snapshot()["vms"][vm_id]["instance_id"])

    def attempts(self, task_id: str) -> list[Json]:
        """Return a task's attempts, as the controller has published them."""
        found: list[Json] = self.snapshot()["tasks"][task_id]["attempts"]
        return found

    def decisions(self, **wanted: str) -> list[Json]:
        """Return the controller's decisions with those values, in their order."""
        made: list[Json] = self.snapshot()["decisions"]
        return [one for one in made if all(one[name] == value for name, value in wanted.items())]

    def _wait(self, what: str, look: Callable[[], bool], timeout: float) -> None:
        """Wait; if that is in vain, tell how the run stands."""

        def look_while_it_runs() -> bool:
            if look():
                return True
            if self.deployment.api.run_state(self.dag_id, self.run_id) in ENDED:
                raise RuntimeError("the run has ended")
            return False

        try:
            self.deployment.wait_for(what, look_while_it_runs, timeout)
        except (TimeoutError, RuntimeError) as error:
            states = self.deployment.api.task_states(self.dag_id, self.run_id)
            raise AssertionError(f"{self.dag_id}: no {what}: {error}; {states}") from error

    def wait_for_vms(self, count: int, timeout: float = 120.0) -> None:
        """Wait until that many VMs have been launched."""
        self.wait_for("open_run", "success")
        self._wait(f"{count} VMs", lambda: len(self.instance_ids()) >= count, timeout)

    def fail_all(self, task_id: str) -> None:
        """Mark all instances of a mapped task failed."""
        for one in self.instances(task_id):
            self.deployment.api.fail_task(self.dag_id, self.run_id, task_id, one["map_index"])

    def task_runner(self, task_id: str) -> int:
        """Return the pid of the process in which a task runs now."""
        title = f"airflow worker -- {self.instances(task_id)[0]['id']}"
        return process_titled(title, self.deployment.components["scheduler"].pid)

    def wait_for_end(self, timeout: float = 240.0) -> str:
        """Wait for the run's end and return its state."""
        return self.deployment.wait_for_end(self.dag_id, self.run_id, timeout)

    def log(self, task_id: str, attempt: int = 1, map_index: int = -1) -> str:
        """Return the log of one try of a task."""
        return self.deployment.api.task_log(self.dag_id, self.run_id, task_id, attempt, map_index)

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task has published."""
        return self.deployment.api.xcom(self.dag_id, self.run_id, task_id, key, map_index)

    def xcom_keys(self, task_id: str) -> set[str]:
        """Return the keys of all that a task has published."""
        entries = self.deployment.api.xcoms(self.dag_id, self.run_id)
        return {entry["key"] for entry in entries if entry["task_id"] == task_id}

    def snapshot(self) -> Json:
        """Return what the controller has published last."""
        found: Json = self.xcom("supervise", "snapshot")
        return found

    @cached_property
    def identity(self) -> Json:
        """The run, as ``open_run`` hands it on."""
        found: Json = self.xcom("open_run", "run")
        return found

    @property
    def folder(self) -> str:
        """Where the run's results are in the bucket."""
        return f"{self.identity['job_id']}_{self.identity['execution_id']}"

    def manifests(self) -> dict[str, Json]:
        """Return the manifests of all published tasks by task id."""
        s3 = self.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.cloud.bucket, Prefix=f"{self.folder}/"
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key.split("/")[1]: self._read(s3, key) for key in keys if key.endswith("/manifest.json")}

    def result(self, task_id: str, path: str) -> bytes:
        """Return one published file."""
        key = f"{self.folder}/{task_id}/data/{path}"
        content: bytes = self.cloud.client("s3").get_object(Bucket=self.cloud.bucket, Key=key)["Body"].read()
        return content

    def _read(self, s3: Any, key: str) -> Json:
        found: Json = json.loads(s3.get_object(Bucket=self.cloud.bucket, Key=key)["Body"].read())
        return found

    def instance_ids(self) -> list[str]:
        """Return all instances that were ever launched for the run, ended ones included."""
        answer = self.cloud.client("ec2").describe_instances(Filters=self._own())
        return [one["InstanceId"] for group in answer["Reservations"] for one in group["Instances"]]

    def containers(self) -> list[str]:
        """Return the VM containers of the run that Docker runs."""
        return [name for name in self.cloud.containers() if name in self.instance_ids()]

    def spot_requests(self) -> list[str]:
        """Return the states of the run's spot requests that could still cost something."""
        answer = self.cloud.client("ec2").describe_spot_instance_requests(Filters=self._own())
        states = [one["State"] for one in answer["SpotInstanceRequests"]]
        return [state for state in states if state in LIVING_REQUESTS]

    def left(self) -> list[str]:
        """Return all that the run still has in the cloud."""
        return [*self.containers(), *self.spot_requests()]

    def _own(self) -> list[dict[str, Any]]:
        return [{"Name": "tag:hads:run", "Values": [self.identity["uid"]]}]
