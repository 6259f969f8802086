"""One run of a job on the tests' deployment: what Airflow says of it, and what it has in the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import ENDED, AirflowDeployment
from tests.system.processes import process_titled
from tests.system.rest import Json
from tests.system.run_in_cloud import RunInCloud
from tests.system.waiting import calm

__all__ = ["ObservedRun", "trigger"]

Gate = Callable[[], AbstractContextManager[None]]

LOOKS = 5
"""Looks at something between two at whether the run has ended."""


def trigger(
    deployment: AirflowDeployment,
    cloud: LocalCloud,
    dag_id: str,
    conf: Mapping[str, Any] | None = None,
    *,
    gate: Gate = calm,
) -> ObservedRun:
    """Start a run by REST.

    :param conf: values of the DAG's params.
    :param gate: what is waited for before.
    """
    deployment.wait_for_dag(dag_id)
    with gate():
        return ObservedRun(deployment, cloud, dag_id, deployment.api.trigger(dag_id, conf))


@dataclass(frozen=True)
class ObservedRun(RunInCloud):
    """A run; every look asks anew."""

    deployment: AirflowDeployment
    cloud: LocalCloud
    dag_id: str
    run_id: str

    def states(self, task_id: str) -> list[str | None]:
        """Return the states of a task's instances, by map index."""
        return [one["state"] for one in self.instances(task_id)]

    def task_states(self) -> list[str | None]:
        """Return the states of all of the run's task instances."""
        return [*self.deployment.api.task_states(self.dag_id, self.run_id).values()]

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

    def wait_for_opening(self, timeout: float = 120.0) -> None:
        """Wait until the run is known by its identity."""
        self.wait_for("open_run", "success", timeout=timeout)

    def wait_for_snapshot(self, timeout: float = 240.0) -> None:
        """Wait until the controller has published how the run stands."""
        self.wait_for("supervise", "running", timeout=timeout)
        self._wait("snapshot", lambda: "snapshot" in self.xcom_keys("supervise"), timeout)

    def _wait(self, what: str, look: Callable[[], bool], timeout: float) -> None:
        """Wait; if that is in vain, tell how the run stands."""
        looks = count()

        def look_while_it_runs() -> bool:
            if look():
                return True
            if next(looks) % LOOKS == 0 and self.deployment.api.run_state(self.dag_id, self.run_id) in ENDED:
                raise RuntimeError("the run has ended")
            return False

        try:
            self.deployment.wait_for(what, look_while_it_runs, timeout)
        except (TimeoutError, RuntimeError) as error:
            states = self.deployment.api.task_states(self.dag_id, self.run_id)
            raise AssertionError(f"{self.dag_id}: no {what}: {error}; {states}") from error

    def wait_for_vms(self, number: int, timeout: float = 120.0) -> None:
        """Wait until that many VMs have been launched."""
        self.wait_for_opening()
        self._wait(f"{number} VMs", lambda: len(self.instance_ids()) >= number, timeout)

    def fail_all(self, task_id: str) -> None:
        """Mark all instances of a mapped task failed."""
        self.deployment.api.fail_task(self.dag_id, self.run_id, task_id)

    def task_runner(self, task_id: str) -> int:
        """Return the pid of the process in which a task runs now."""
        title = f"airflow worker -- {self.instances(task_id)[0]['id']}"
        return process_titled(title, self.deployment.components["scheduler"].pid)

    def wait_for_end(self, timeout: float = 240.0) -> str:
        """Wait for the run's end and return its state."""
        return self.deployment.wait_for_end(self.dag_id, self.run_id, timeout)

    def has_ended(self) -> bool:
        """Say whether it has ended."""
        return self.deployment.api.run_state(self.dag_id, self.run_id) in ENDED

    def living_instance_ids(self) -> dict[str, str]:
        """Return the instances that boot or run, by VM id; none before the run has been opened."""
        if "identity" not in vars(self) and self.states("open_run") != ["success"]:
            return {}
        return super().living_instance_ids()

    def story(self) -> str:
        """Return the controller's log over all of its tries."""
        tries = self.instances("supervise")[0]["try_number"]
        return "\n".join(self.log("supervise", attempt=attempt) for attempt in range(1, tries + 1))

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
