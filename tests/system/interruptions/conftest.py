"""Runs whose VMs are interrupted, each with what happens to it; two go on at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.dags_test import DagsTest
from tests.system.deployment import AirflowDeployment
from tests.system.interrupted_jobs import write_interrupted_jobs
from tests.system.interruptions import happenings
from tests.system.observed_run import trigger
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

BY_DAGS_TEST = "gone"
"""The job that is run by ``airflow dags test``; the others run on the tests' deployment."""

AT_ONCE = 2
"""Runs that two cores carry without being late for what happens."""


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
    deployment: AirflowDeployment,
    local_cloud: LocalCloud,
) -> Iterator[InterruptedRuns]:
    """The runs that the chosen tests name as their ``JOB``; those that are tested later go on meanwhile."""
    jobs = tmp_path_factory.mktemp("jobs")
    write_interrupted_jobs(jobs)
    chosen = {
        item.cls.JOB
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.cls is not None and hasattr(item.cls, "JOB")
    }

    def carry_out(job: str) -> RunInCloud:
        run: RunInCloud
        if job == BY_DAGS_TEST:
            run = WatchedRun(dags_test.start_job(jobs / job), local_cloud)
        else:
            run = trigger(deployment, local_cloud, job)
        HAPPENINGS[job](run, local_cloud)
        run.wait_for_end(timeout=420)
        return run

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield InterruptedRuns({job: pool.submit(carry_out, job) for job in HAPPENINGS if job in chosen})
