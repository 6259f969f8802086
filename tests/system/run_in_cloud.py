"""A run of a job, as far as its controller has published it and as it has left traces in the cloud."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

from airflow_provider_hads.cloud.tags import VM_TAG
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import LIVING_REQUESTS
from tests.system.rest import Json
from tests.system.vm_insides import running_attempts

__all__ = ["RunInCloud"]


class RunInCloud(ABC):
    """A run; every look asks anew. However Airflow runs it, these look the same."""

    cloud: LocalCloud

    @abstractmethod
    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task has published."""

    @abstractmethod
    def log(self, task_id: str, attempt: int = 1, map_index: int = -1) -> str:
        """Return the log of one try of a task."""

    @abstractmethod
    def wait_for_end(self, timeout: float = 240.0) -> str:
        """Wait for the run's end and return its state."""

    @abstractmethod
    def wait_for_opening(self, timeout: float = 120.0) -> None:
        """Wait until the run is known by its :attr:`identity`."""

    @abstractmethod
    def wait_for_snapshot(self, timeout: float = 240.0) -> None:
        """Wait until the controller has published how the run stands."""

    @abstractmethod
    def _wait(self, what: str, look: Callable[[], bool], timeout: float) -> None:
        """Wait; if that is in vain, tell how the run stands."""

    def wait_for_running_tasks(self, count: int, timeout: float = 120.0) -> None:
        """Wait until the containers of that many attempts run on VMs."""

        def enough() -> bool:
            tasks = self.snapshot()["tasks"].values()
            attempts = [attempt["state"] for task in tasks for attempt in task["attempts"]]
            return attempts.count("running") >= count

        self.wait_for_snapshot()
        self._wait(f"{count} tasks at work", enough, timeout)

    def wait_until_at_work(
        self, task_ids: Collection[str], timeout: float = 240.0, elsewhere: str | None = None
    ) -> None:
        """Wait until containers of all these tasks run.

        :param elsewhere: on other VMs than that one.
        """

        def seen() -> bool:
            tasks = self.snapshot()["tasks"]
            return all(
                any(
                    one["state"] == "running" and one["vm"] != elsewhere for one in tasks[task_id]["attempts"]
                )
                for task_id in task_ids
            )

        self.wait_for_snapshot()
        self._wait(f"{', '.join(sorted(task_ids))} at work", seen, timeout)

    def wait_until_begun(self, attempt_id: str, vm_id: str, timeout: float = 240.0) -> str:
        """Wait until a VM itself says that an attempt's container runs, and return which instance it is.

        The controller may not have begun by then, or be late.
        """

        def begun() -> bool:
            found = self.living_instance_ids()
            return vm_id in found and running_attempts(found[vm_id]) >= {attempt_id}

        self.wait_for_opening()
        self._wait(f"{attempt_id} at work on {vm_id}", begun, timeout)
        return self.living_instance_ids()[vm_id]

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
        return [one["InstanceId"] for one in self._instances()]

    def living_instance_ids(self) -> dict[str, str]:
        """Return the instances that boot or run, by VM id."""
        living = [one for one in self._instances() if one["State"]["Name"] in ("pending", "running")]
        names = [{tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}.get(VM_TAG) for one in living]
        return {name: one["InstanceId"] for name, one in zip(names, living, strict=True) if name}

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

    def _instances(self) -> list[Json]:
        """Return the run's instances: what a spot request has launched anew has no tags, but its id."""
        ec2 = self.cloud.client("ec2")
        requests = ec2.describe_spot_instance_requests(Filters=self._own())["SpotInstanceRequests"]
        ids = [one["SpotInstanceRequestId"] for one in requests]
        filters = (
            [self._own(), [{"Name": "spot-instance-request-id", "Values": ids}]] if ids else [self._own()]
        )
        answers = [ec2.describe_instances(Filters=one) for one in filters]
        groups = [group for answer in answers for group in answer["Reservations"]]
        return list({one["InstanceId"]: one for group in groups for one in group["Instances"]}.values())

    def _own(self) -> list[dict[str, Any]]:
        return [{"Name": "tag:hads:run", "Values": [self.identity["uid"]]}]
