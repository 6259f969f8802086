"""One run by ``airflow dags test``, looked at while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.dags_test import StartedRun
from tests.system.dags_test_result import DagsTestResult
from tests.system.run_in_cloud import RunInCloud
from tests.system.waiting import wait_for

__all__ = ["WatchedRun"]


@dataclass(frozen=True)
class WatchedRun(RunInCloud):
    """A run in a process of its own; what it has published is read from its database."""

    started: StartedRun
    cloud: LocalCloud

    @property
    def _so_far(self) -> DagsTestResult:
        return DagsTestResult(0, self.started.output, self.started.home)

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task has published."""
        return self._so_far.xcom(task_id, key, map_index)

    def log(self, task_id: str, attempt: int = 1, map_index: int = -1) -> str:
        """Return what was printed while a task ran, all its tries together."""
        return self._so_far.task_log(task_id, map_index)

    def wait_for_end(self, timeout: float = 240.0) -> str:
        """Wait for the run's end and return its state."""
        return self.started.wait(timeout).run_state()

    def wait_for_opening(self, timeout: float = 120.0) -> None:
        """Wait until the run is known by its identity."""
        self._wait("identity", lambda: self._is_published("open_run", "run"), timeout)

    def wait_for_snapshot(self, timeout: float = 240.0) -> None:
        """Wait until the controller has published how the run stands."""
        self._wait("snapshot", lambda: self._is_published("supervise", "snapshot"), timeout)

    def _is_published(self, task_id: str, key: str) -> bool:
        try:
            return bool(self.xcom(task_id, key))
        except LookupError:
            return False

    def _wait(self, what: str, look: Callable[[], bool], timeout: float) -> None:
        def look_while_it_runs() -> bool:
            if look():
                return True
            assert not self.started.ended, f"no {what}: the run has ended: {self.started.output[-3000:]}"
            return False

        wait_for(what, look_while_it_runs, timeout)
