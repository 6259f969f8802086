"""Runs whose VMs are interrupted or unfit, each with what happens; some go on at the same time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system import happenings, hindrances
from tests.system.dags_test import DagsTest
from tests.system.deployment import AirflowDeployment
from tests.system.hindered_jobs import CONF
from tests.system.interrupted_jobs import write_interrupted_jobs
from tests.system.observed_run import ObservedRun, trigger
from tests.system.run_in_cloud import RunInCloud
from tests.system.watched_run import WatchedRun

__all__ = ["InterruptedRuns", "carried_out"]

Happening = Callable[[RunInCloud, LocalCloud], None]

HAPPENINGS: Mapping[str, Happening] = {
    "gone": happenings.hibernate_one_for_good,
    "gone_deployed": happenings.hibernate_one_for_good,
    "back_soon": happenings.resume_before_it_is_late,
    "back_late": happenings.resume_when_its_work_was_migrated,
    "all_gone": happenings.hibernate_all,
    "bursting": happenings.hibernate_beside_a_burstable_vm,
    "warned": happenings.warn_one_and_let_one_lose_its_memory,
}
"""What happens to the run of each job."""

HINDRANCES: Mapping[str, Callable[[ObservedRun, LocalCloud], None]] = {
    "broken_vms": hindrances.break_three,
    "no_bucket": hindrances.take_the_bucket,
    "no_capacity": hindrances.have_no_capacity,
    "no_command": hindrances.nothing,
    "no_ssh": hindrances.refuse_ssh,
    "other_hosts": hindrances.show_other_host_keys,
}
"""What is in the way of the run of each of these jobs, from its begin."""

BY_DAGS_TEST = "gone"
"""The job that is run by ``airflow dags test``; the others run on the tests' deployment."""

AT_ONCE = 3
"""Runs that two cores carry beside others without being late for what happens."""


class InterruptedRuns:
    """Runs that have ended, by job; what went wrong with one is told to who asks for it."""

    def __init__(self, ended: Mapping[str, Future[RunInCloud]]) -> None:
        self._ended = ended

    def __getitem__(self, job: str) -> RunInCloud:
        """Return the run of a job, when it has ended."""
        return self._ended[job].result()

    def deployed(self, job: str) -> ObservedRun:
        """Return the run of a job that is run on the tests' deployment, when it has ended."""
        run = self[job]
        assert isinstance(run, ObservedRun)
        return run


@contextmanager
def carried_out(
    chosen: Collection[str], jobs: Path, dags_test: DagsTest, deployment: AirflowDeployment, cloud: LocalCloud
) -> Iterator[InterruptedRuns]:
    """Carry the runs of some jobs out in the background, some at a time.

    :param chosen: of :data:`HAPPENINGS` and :data:`HINDRANCES`.
    :param jobs: an empty folder for the folders of jobs that are run by ``airflow dags test``.
    """
    write_interrupted_jobs(jobs)

    def interrupted(job: str) -> RunInCloud:
        run: RunInCloud
        if job == BY_DAGS_TEST:
            run = WatchedRun(dags_test.start_job(jobs / job), cloud)
        else:
            run = trigger(deployment, cloud, job)
        HAPPENINGS[job](run, cloud)
        return run

    def hindered(job: str) -> RunInCloud:
        run = trigger(deployment, cloud, job, CONF.get(job))
        HINDRANCES[job](run, cloud)
        return run

    def carry_out(job: str) -> RunInCloud:
        run = interrupted(job) if job in HAPPENINGS else hindered(job)
        run.wait_for_end(timeout=420)
        return run

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield InterruptedRuns(
            {job: pool.submit(carry_out, job) for job in (*HAPPENINGS, *HINDRANCES) if job in chosen}
        )
