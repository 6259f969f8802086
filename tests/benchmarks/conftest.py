"""The parts that benchmarks share; the table is printed at their end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from tests.benchmarks.figures import Figures
from tests.benchmarks.jobs import write_benchmark_jobs
from tests.system.airflow_environment import ROOT
from tests.system.deployment import AirflowDeployment

FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line("")
    terminalreporter.write_line(config.stash[FIGURES].table())


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes the measurements."""
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud in a box, with the workload image in its bucket."""
    options = UpOptions(images=("synthetic",))
    with LocalCloud.start(tmp_path_factory.mktemp("local-cloud"), options) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, local_cloud: LocalCloud
) -> Iterator[AirflowDeployment]:
    """A whole Airflow on the local cloud, for the jobs of the benchmarks."""
    jobs_folder = tmp_path_factory.mktemp("jobs")
    write_benchmark_jobs(jobs_folder)
    settings = {
        "AIRFLOW__HADS__JOBS_FOLDER": str(jobs_folder),
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        # 400 sensors come at once: the one process of the api-server answers them all.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "40",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "60",
    }
    environment = local_cloud.environment() | settings
    home = tmp_path_factory.mktemp("airflow")
    with AirflowDeployment(home, ROOT / "dags", environment) as running:
        yield running
