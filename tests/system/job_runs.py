"""Runs that need nothing but a job's folder are carried out together, for most of a run is waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.dags_test import DagsTest, StartedRun
from tests.system.dags_test_result import DagsTestResult

AT_ONCE = 2
RUN_TIMEOUT = 300.0


@dataclass(frozen=True)
class JobRun:
    """A run of a job by ``airflow dags test``.

    :param write: writes the job's folder.
    :param prepare: is called with the cloud before the run is started.
    :param meanwhile: is called with the cloud, and with the run when that has been started.
    :param conf: values of the DAG's params.
    """

    write: Callable[[Path], object]
    prepare: Callable[[LocalCloud], None] | None = None
    meanwhile: Callable[[LocalCloud, StartedRun], None] | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)


class JobRuns:
    """Carries out runs, some at a time.

    :param jobs: an empty folder for the jobs' folders.
    """

    def __init__(self, jobs: Path, dags_test: DagsTest, cloud: LocalCloud) -> None:
        self._jobs = jobs
        self._dags_test = dags_test
        self._cloud = cloud
        self._ended: dict[str, Future[DagsTestResult]] = {}

    def carry_out(self, runs: Mapping[str, JobRun]) -> None:
        """Carry out runs to their ends; one that does not end is told of when its result is asked for.

        :param runs: by name: that of the folder and of the DAG.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for name, run in runs.items():
                self._ended[name] = pool.submit(self._carry_out, name, run)

    def result(self, name: str) -> DagsTestResult:
        """Return how a run ended."""
        return self._ended[name].result()

    def _carry_out(self, name: str, run: JobRun) -> DagsTestResult:
        folder = self._jobs / name / name  # alone in its jobs folder
        run.write(folder)
        if run.prepare is not None:
            run.prepare(self._cloud)
        started = self._dags_test.start_job(folder, run.conf)
        if run.meanwhile is not None:
            run.meanwhile(self._cloud, started)
        return started.wait(timeout=RUN_TIMEOUT)
