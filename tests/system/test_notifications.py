"""People are told of a deadline that has come, of one that can't be met, and of a run's end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.file_notifier import notifier_settings, told
from tests.system.airflow_environment import ROOT
from tests.system.dags_test import DagsTest
from tests.system.deployed_jobs import write_late
from tests.system.deployment import AirflowDeployment

pytestmark = pytest.mark.slow

MARGIN = {"margin": 20}


def test_in_one_process_a_miss_is_told_once_and_the_end_too(dags_test: DagsTest, tmp_path: Path) -> None:
    """Airflow's own deadline alerts are the scheduler's to make: here there is none."""
    write_late(tmp_path / "jobs" / "late")
    settings = notifier_settings(tmp_path / "told.txt", ROOT)

    result = dags_test.start_job(tmp_path / "jobs" / "late", MARGIN, settings).wait()

    assert result.exit_code != 0
    messages = told(tmp_path / "told.txt", "late")
    assert list(messages) == ["miss", "end"]
    assert messages["miss"] == ["Run late_0: the deadline, 20 s, can't be met"]
    assert messages["end"][0].startswith(
        "Run late_0 has ended: 0 of 1 tasks finished, deadline not met, cost "
    )
    assert "Told through tests.support.file_notifier.FileNotifier: Run late_0" in result.task_log("supervise")


def test_with_a_scheduler_the_deadline_itself_is_told_of_too(deployment: AirflowDeployment) -> None:
    deployment.wait_for_dag("late")
    run_id = deployment.api.trigger("late", MARGIN)
    file = deployment.home / "told.txt"

    assert deployment.wait_for_end("late", run_id, 240) == "failed"
    deployment.wait_for("all that is to be told", lambda: len(told(file, "late", run_id)) == 3, 60)

    messages = told(file, "late", run_id)
    assert messages["deadline"] == [f"Run {run_id} of late has not ended by its deadline"]
    assert [len(texts) for texts in messages.values()] == [1, 1, 1]
