"""What every test needs: an Airflow of its own, set up before Airflow is imported; and who runs what."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import PurePosixPath

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

SHARING = ("outages", "deployed", "interruptions")
"""Folders of system tests that take longest: they share a whole Airflow."""

TOGETHER = {
    "outages": "outages",
    "deployed": "airflow",
    "interruptions": "airflow",
    "jobs": "jobs",
    "vm": "vm",
}
"""Folders whose tests go to one process, and its name: for what they share, be it containers' names."""

THEN = ("integration", "jobs", "system")
"""What runs beside those from their begin on waits more than it computes; what is short comes last."""


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

# Whether a change is sound must not depend on luck, nor on how busy the machine is: each test has its own
# examples, the same every time. `make hunt` looks for new ones; those that fail become tests of their own.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("hunt", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that take longest begin, for they may be spread over several processes."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[int, int]:
    return _first_of(SHARING, item.path.parts), _first_of(THEN, item.path.parts)


def _first_of(folders: tuple[str, ...], parts: tuple[str, ...]) -> int:
    """Return the place of the first folder that a path is in, or the number of folders."""
    return next((place for place, folder in enumerate(folders) if folder in parts), len(folders))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Let all tests of a file, or of a folder whose tests belong together, go to the same process."""
    if config.getoption("dist") != "loadscope":
        return None
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _scope
    chosen: object = scheduler
    return chosen


def _scope(nodeid: str) -> str:
    path = PurePosixPath(nodeid.split("::")[0])
    return TOGETHER.get(path.parent.name, str(path))
