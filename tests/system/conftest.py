"""The parts that system tests share: each is started once, when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from tests.support.file_notifier import notifier_settings
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.deployed_jobs import write_deployed_jobs
from tests.system.deployment import AirflowDeployment
from tests.system.interrupted_runs import InterruptedRuns, carried_out
from tests.system.job_runs import JobRuns


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud in a box, with the workload image in its bucket."""
    options = UpOptions(images=("synthetic",))
    with LocalCloud.start(tmp_path_factory.mktemp("local-cloud"), options) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def dags_test(tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud) -> Iterator[DagsTest]:
    """A runner of `airflow dags test` for the project's DAGs on the local cloud."""
    folder = tmp_path_factory.mktemp("dags-test")
    shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    runner = DagsTest(folder, ROOT / "dags", local_cloud.environment(), shared / "template.db")
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def job_runs(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    dags_test: DagsTest,
    local_cloud: LocalCloud,
) -> JobRuns:
    """The runs that the chosen test modules name as their ``JOB_RUNS``; all have ended when one is seen."""
    runs = JobRuns(tmp_path_factory.mktemp("jobs"), dags_test, local_cloud)
    modules = dict.fromkeys(
        item.module for item in request.session.items if isinstance(item, pytest.Function)
    )
    named = (getattr(module, "JOB_RUNS", {}) for module in modules)
    runs.carry_out({name: run for of_module in named for name, run in of_module.items()})
    return runs


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud
) -> Iterator[AirflowDeployment]:
    """A whole Airflow for the project's DAGs and :mod:`tests.system.deployed_jobs`, on the local cloud."""
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW__HADS__EVENTS_QUEUE": local_cloud.make_events_queue("airflow"),
        "AIRFLOW__HADS__JOBS_FOLDER": str(write_deployed_jobs(home / "jobs")),
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        **notifier_settings(home / "told.txt", ROOT),
    }
    environment = local_cloud.environment() | settings
    with AirflowDeployment(home, ROOT / "dags", environment, preloaded=True) as running:
        _running_deployments.append(running)
        yield running
    _running_deployments.clear()


@pytest.fixture(scope="session")
def interrupted_runs(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    dags_test: DagsTest,
    deployment: AirflowDeployment,
    local_cloud: LocalCloud,
) -> Iterator[InterruptedRuns]:
    """The runs that the chosen tests name as their ``JOB``; those that are tested later go on meanwhile."""
    chosen = {
        item.cls.JOB
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.cls is not None and hasattr(item.cls, "JOB")
    }
    jobs = tmp_path_factory.mktemp("jobs")
    with carried_out(chosen, jobs, dags_test, deployment, local_cloud) as runs:
        yield runs


_running_deployments: list[AirflowDeployment] = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the deployment after the last of its tests: it keeps a tenth of a core busy."""
    used, needed = (
        isinstance(one, pytest.Function) and "deployment" in one.fixturenames for one in (item, nextitem)
    )
    if used and nextitem is not None and not needed:
        for deployment in _running_deployments:
            deployment.stop()
