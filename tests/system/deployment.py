"""An Airflow as people run it: PostgreSQL, and each component a process of its own."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import requests

from tests.system.airflow_environment import AIRFLOW, as_settings, base_environment
from tests.system.postgresql import PostgresServer
from tests.system.processes import Daemon, free_port
from tests.system.rest import AirflowApi
from tests.system.waiting import calm, wait_for

T = TypeVar("T")

COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
ENDED = ("success", "failed")
PRELOADED = Path(__file__).with_name("preloaded_airflow.py")


class AirflowDeployment:
    """Everything from the database to the triggerer, on free ports of the loopback interface.

    :param home: an empty folder; becomes AIRFLOW_HOME, and holds the components' logs.
    :param dags_folder: where the DAG files are.
    :param environment: more environment variables, for example those of a local cloud.
    :param preloaded: whether the scheduler has imported beforehand what the tasks need that it forks. That
        spares processor time in tests; figures are measured without.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        preloaded: bool = False,
    ) -> None:
        self.home = home
        self._preloaded = preloaded
        self._database = PostgresServer()
        port = free_port()
        self.api = AirflowApi(f"http://127.0.0.1:{port}")
        self.environment = (
            base_environment(home, dags_folder, self._database.url)
            | component_settings(self.api.url, port)
            | dict(environment or {})
        )
        self.components: dict[str, Daemon] = {}

    def __enter__(self) -> AirflowDeployment:
        """Start everything; it is healthy when this returns."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, whatever happened."""
        self.stop()

    def start(self) -> None:
        """Start the database, then the components together, and wait until all are healthy."""
        with calm():
            self._database.start()
            self.airflow("db", "migrate")
            for component in ("api-server", "scheduler", "dag-processor", "triggerer"):
                self.start_component(component)
            self.wait_for("all components healthy", self._healthy, timeout=120)

    def stop(self) -> None:
        """End everything at once: nothing is to be kept, and a component in good order waits for others."""
        for component in self.components.values():
            component.kill()
        self.api.close()
        self._database.stop()

    def start_component(self, component: str) -> Daemon:
        """Start ``api-server``, ``scheduler``, ``dag-processor`` or ``triggerer``, at first or again."""
        arguments = ["--workers", "1"] if component == "api-server" else []
        preloaded = self._preloaded and component == "scheduler"
        program = [sys.executable, str(PRELOADED)] if preloaded else [AIRFLOW]
        daemon = Daemon(component, [*program, component, *arguments], self.environment, self.home)
        self.components[component] = daemon
        return daemon

    def airflow(self, *arguments: str, timeout: float = 120.0) -> str:
        """Run an ``airflow`` command in this deployment and return its output.

        :param timeout: seconds.
        :raises RuntimeError: it failed; the message has its output.
        """
        done = subprocess.run(
            [AIRFLOW, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"airflow {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done.stdout

    def wait_for(self, what: str, look: Callable[[], T], timeout: float = 60.0, interval: float = 1.0) -> T:
        """Wait as :func:`tests.system.waiting.wait_for` does, unless a component has ended by itself."""

        def look_at_all() -> T:
            for component in self.components.values():
                component.require_alive()
            return look()

        return wait_for(what, look_at_all, timeout, interval)

    def wait_for_dag(self, dag_id: str, timeout: float = 60.0) -> None:
        """Wait until the DAG can be triggered.

        :raises RuntimeError: a DAG file cannot be imported.
        """

        def found() -> bool:
            if errors := self.api.import_errors():
                raise RuntimeError("\n".join(str(error["stack_trace"]) for error in errors))
            return self.api.dag_exists(dag_id)

        self.wait_for(f"DAG {dag_id}", found, timeout)

    def wait_for_end(self, dag_id: str, run_id: str, timeout: float = 180.0) -> str:
        """Wait until a run has ended and return its state.

        :param timeout: seconds.
        """
        state = self.wait_for(
            f"end of {dag_id} {run_id}",
            lambda: (state := self.api.run_state(dag_id, run_id)) in ENDED and state,
            timeout,
            interval=3.0,  # several runs are waited for at a time, for minutes
        )
        return str(state)

    def _healthy(self) -> bool:
        try:
            health = self.api.health()
        except requests.RequestException:  # it does not listen yet
            return False
        return all(health.get(component) == "healthy" for component in COMPONENTS)


def component_settings(url: str, port: int) -> dict[str, str]:
    """Return what all components must agree on, and shorter waits than those of a large deployment.

    :param url: of the api-server.
    :param port: the api-server's.
    """
    sections: dict[str, dict[str, object]] = {
        "core": {
            "executor": "LocalExecutor",
            "execution_api_server_url": f"{url}/execution/",
            "max_active_tasks_per_dag": 64,
            "parallelism": 10,  # two cores start no more at once without being late for what happens
            "simple_auth_manager_all_admins": True,
        },
        "api": {"host": "127.0.0.1", "port": port, "base_url": url, "secret_key": secrets.token_hex(16)},
        "api_auth": {"jwt_secret": secrets.token_hex(32)},
        "dag_processor": {"refresh_interval": 5, "min_file_process_interval": 600},
        "logging": {"worker_log_server_port": free_port(), "trigger_log_server_port": free_port()},
        "scheduler": {
            "orphaned_tasks_check_interval": 10,
            "task_instance_heartbeat_timeout": 30,
            "task_instance_heartbeat_timeout_detection_interval": 5,
        },
    }
    return {
        name: value for section in sections for name, value in as_settings(section, sections[section]).items()
    }
