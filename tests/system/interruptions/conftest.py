"""Runs whose VMs are interrupted: they go on at the same time, each with what happens to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.dags_test import DagsTest
from tests.system.interrupted_jobs import write_interrupted_jobs
from tests.system.interruptions import happenings
from tests.system.run_in_cloud import RunInCloud
from tests.system.watched_run import WatchedRun

Happening = Callable[[RunInCloud, LocalCloud], None]

HAPPENINGS: Mapping[str, Happening] = {
    "gone": happenings.hibernate_one_for_good,
    "back_soon": happenings.resume_before_it_is_late,
    "back_late": happenings.resume_when_its_work_was_migrated,
    "all_gone": happenings.hibernate_all,
    "warned": happenings.warn_one_and_let_one_lose_its_memory,
}
"""What happens to the run of each job."""


class InterruptedRuns:
    """Runs that have ended, by job; what went wrong with one is told to who asks for it."""

    def __init__(self, ended: Mapping[str, Future[RunInCloud]]) -> None:
        self._ended = ended

    def __getitem__(self, job: str) -> RunInCloud:
        """Return the run of a job, when it has ended."""
        return self._ended[job].result()


@pytest.fixture(scope="session")
def interrupted_runs(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    dags_test: DagsTest,
    local_cloud: LocalCloud,
) -> InterruptedRuns:
    """The runs that the chosen tests name as their ``JOB``, carried out together."""
    jobs = tmp_path_factory.mktemp("jobs")
    write_interrupted_jobs(jobs)
    chosen = {
        item.cls.JOB
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.cls is not None and hasattr(item.cls, "JOB")
    }

    def carry_out(job: str) -> RunInCloud:
        run = WatchedRun(dags_test.start_job(jobs / job), local_cloud)
        HAPPENINGS[job](run, local_cloud)
        run.wait_for_end(timeout=420)
        return run

    with ThreadPoolExecutor(len(HAPPENINGS)) as pool:
        ended = {job: pool.submit(carry_out, job) for job in HAPPENINGS if job in chosen}
    return InterruptedRuns(ended)
