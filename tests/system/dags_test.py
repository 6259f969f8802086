"""`airflow dags test`: a whole run in one process, on SQLite."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.airflow_environment import AIRFLOW, base_environment


@dataclass(frozen=True)
class DagsTestResult:
    """How a run ended.

    :param exit_code: 0 where the run succeeded.
    :param output: all that it printed.
    """

    exit_code: int
    output: str


class DagsTest:
    """Runs DAGs by ``airflow dags test``, each in an AIRFLOW_HOME of its own.

    :param folder: an empty folder to work in.
    :param dags_folder: where the DAG files are.
    :param environment: more environment variables, for example those of a local cloud.
    """

    def __init__(self, folder: Path, dags_folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._dags_folder = dags_folder
        self._environment = dict(environment or {})
        self._runs = 0
        self._template = folder / "template.db"

    def run(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 180.0,
    ) -> DagsTestResult:
        """Run a DAG to its end.

        :param conf: values of the DAG's params.
        :param environment: more environment variables, for this run.
        :param timeout: seconds.
        :raises TimeoutError: it did not end; it is interrupted first, so that it cleans up.
        """
        process = self.start(dag_id, conf, environment)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            output = interrupt(process)
            raise TimeoutError(
                f"airflow dags test {dag_id}: not within {timeout:g} s:\n{output[-3000:]}"
            ) from None
        return DagsTestResult(process.returncode, output)

    def start(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a run and return its process, in a session of its own; its output is a pipe."""
        settings = self._new_home() | dict(environment or {})
        return subprocess.Popen(
            [AIRFLOW, "dags", "test", dag_id, "--conf", json.dumps(dict(conf or {}))],
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _new_home(self) -> dict[str, str]:
        """Return the environment of an Airflow with an empty database."""
        if not self._template.exists():
            self._migrate()
        self._runs += 1
        home = self._folder / f"run-{self._runs}"
        home.mkdir()
        shutil.copy(self._template, home / "airflow.db")
        return self._settings(home, home / "airflow.db")

    def _migrate(self) -> None:
        """Make the empty database once; every run has a copy."""
        settings = self._settings(self._folder, self._template)
        subprocess.run([AIRFLOW, "db", "migrate"], env=settings, capture_output=True, timeout=120, check=True)

    def _settings(self, home: Path, database: Path) -> dict[str, str]:
        return base_environment(home, self._dags_folder, f"sqlite:///{database}") | self._environment


def interrupt(process: subprocess.Popen[str], timeout: float = 30.0) -> str:
    """End a run as Ctrl-C does, for it ignores SIGTERM, and return its output.

    :param timeout: seconds until it is killed.
    """
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate(timeout=10)[0]
