"""`airflow dags test`: a whole run in one process, on SQLite."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from tests.system.airflow_environment import AIRFLOW, base_environment
from tests.system.dags_test_result import DagsTestResult
from tests.system.waiting import PATIENCE, calm

TIMEOUT = 180.0


class StartedRun:
    """A run that goes on in the background, in a session of its own; its output goes to a file."""

    def __init__(self, dag_id: str, home: Path, command: list[str], environment: Mapping[str, str]) -> None:
        self._dag_id = dag_id
        self._home = home
        self._log = home / "output.txt"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def home(self) -> Path:
        """Its AIRFLOW_HOME."""
        return self._home

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, timeout: float = TIMEOUT) -> DagsTestResult:
        """Wait for its end.

        :param timeout: seconds; ``PATIENCE`` times as long is waited.
        :raises TimeoutError: it did not end; it is interrupted first, so that it cleans up.
        """
        try:
            exit_code = self._process.wait(timeout=PATIENCE * timeout)
        except subprocess.TimeoutExpired:
            self.interrupt()
            problem = f"airflow dags test {self._dag_id}: not within {PATIENCE * timeout:g} s"
            raise TimeoutError(f"{problem}:\n{self.output[-3000:]}") from None
        return DagsTestResult(exit_code, self.output, self._home)

    def interrupt(self, timeout: float = 30.0) -> None:
        """End it as Ctrl-C does, for it ignores SIGTERM.

        :param timeout: seconds until it is killed.
        """
        if self.ended:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop it for a while, so that something can be done behind its back."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End its whole process group at once, as a machine's failure would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=10)


class DagsTest:
    """Runs DAGs by ``airflow dags test``, each in an AIRFLOW_HOME of its own.

    :param folder: an empty folder to work in.
    :param dags_folder: where the DAG files are.
    :param environment: more environment variables, for example those of a local cloud.
    :param template: where the empty database is, or is made; None is for these runs alone.
    """

    def __init__(
        self,
        folder: Path,
        dags_folder: Path,
        environment: Mapping[str, str] | None = None,
        template: Path | None = None,
    ) -> None:
        self._folder = folder
        self._dags_folder = dags_folder
        self._environment = dict(environment or {})
        self._homes = 0
        self._started: list[StartedRun] = []
        self._template = template or folder / "template.db"
        self._lock = threading.Lock()

    def run(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> DagsTestResult:
        """Run a DAG to its end.

        :param conf: values of the DAG's params.
        :param environment: more environment variables, for this run.
        :param timeout: seconds.
        :raises TimeoutError: it did not end; it is interrupted first, so that it cleans up.
        """
        return self.start(dag_id, conf, environment).wait(timeout)

    def start(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
    ) -> StartedRun:
        """Start a run in the background."""
        home = self._new_home()
        settings = self._settings(home, home / "airflow.db") | dict(environment or {})
        command = [AIRFLOW, "dags", "test", dag_id, "--conf", json.dumps(dict(conf or {}))]
        with calm():
            run = StartedRun(dag_id, home, command, settings)
        self._started.append(run)
        return run

    def start_job(
        self,
        folder: Path,
        conf: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> StartedRun:
        """Start the DAG of a job folder, with nothing but such folders beside it."""
        settings = {"AIRFLOW__HADS__JOBS_FOLDER": str(folder.parent), **(environment or {})}
        return self.start(folder.name, conf, settings)

    def close(self) -> None:
        """End the runs that still go on, since nobody waits for them any more."""
        for run in self._started:
            run.interrupt()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another ``airflow`` command to its end."""
        home = self._new_home()
        return subprocess.run(
            [AIRFLOW, *arguments],
            env=self._settings(home, home / "airflow.db"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _new_home(self) -> Path:
        """Return the home of an Airflow with an empty database."""
        with self._lock:
            self._make_template()
            self._homes += 1
            home = self._folder / f"run-{self._homes}"
        home.mkdir()
        shutil.copy(self._template, home / "airflow.db")
        return home

    def _make_template(self) -> None:
        """Make the empty database once, also where several processes share it; every run has a copy."""
        with self._template.with_suffix(".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if self._template.exists():
                return
            database = self._folder / "empty.db"
            settings = self._settings(self._folder, database)
            migrate = [AIRFLOW, "db", "migrate"]
            subprocess.run(migrate, env=settings, capture_output=True, timeout=120, check=True)
            database.rename(self._template)

    def _settings(self, home: Path, database: Path) -> dict[str, str]:
        return base_environment(home, self._dags_folder, f"sqlite:///{database}") | self._environment
