"""What every test needs: an Airflow of its own, set up before Airflow is imported; and who runs what."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

import pytest

SHARED = ("deployment", "job_runs")
"""Parts that take so long to start that all their tests go to the same of several test processes."""


def _use_own_airflow() -> None:
    """Keep the tests away from the user's Airflow: Airflow reads its settings once, when it is imported."""
    home = tempfile.mkdtemp(prefix="hads-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "AWS_"))]:
        del os.environ[name]
    os.environ.update(
        AIRFLOW_HOME=home,
        AIRFLOW__CORE__DAGS_FOLDER=os.path.join(home, "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        AWS_EC2_METADATA_DISABLED="true",
    )


_use_own_airflow()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what shares parts go to the same of several processes (``pytest -n``); the longest first."""
    items.sort(key=_place)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _place(item: pytest.Item) -> tuple[int, int]:
    of_part = [place for place, part in enumerate(SHARED) if _group(item) == part]
    suites = ("system", "integration", "property")
    of_suite = [place for place, suite in enumerate(suites) if suite in item.path.parts]
    return (*of_part, len(SHARED))[0], (*of_suite, len(suites))[0]


def _group(item: pytest.Item) -> str:
    parts = [part for part in SHARED if part in getattr(item, "fixturenames", ())]
    return (*parts, str(item.path))[0]
