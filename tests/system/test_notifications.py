"""In one process, people are told of a deadline that can't be met, and of a run's end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.file_notifier import notifier_settings, told
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.deployed_jobs import write_late

pytestmark = pytest.mark.slow


def test_a_miss_is_told_once_and_the_end_too(dags_test: DagsTest, tmp_path: Path) -> None:
    """Airflow's own deadline alerts are the scheduler's to make: here there is none."""
    write_late(tmp_path / "jobs" / "late")
    settings = notifier_settings(tmp_path / "told.txt", ROOT)

    result = dags_test.start_job(tmp_path / "jobs" / "late", {"margin": 20}, settings).wait()

    assert result.exit_code != 0
    messages = told(tmp_path / "told.txt", "late")
    assert list(messages) == ["miss", "end"]
    [miss], [end] = messages["miss"], messages["end"]
    # Another run of this job may have been on the same cloud.
    assert re.match(r"Run late_\d+: the deadline, 20 s, can't be met", miss)
    assert re.match(r"Run late_\d+ has ended: 0 of 1 tasks finished, deadline not met, cost ", end)
    assert "Told through tests.support.file_notifier.FileNotifier: Run late_" in result.task_log("supervise")
