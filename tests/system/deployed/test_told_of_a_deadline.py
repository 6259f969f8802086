"""With a scheduler, people are also told of the deadline itself, by Airflow's own deadline alert."""

from __future__ import annotations

from tests.support.file_notifier import told
from tests.system.deployment import AirflowDeployment


def test_deadline_miss_and_end_are_told_once_each(deployment: AirflowDeployment) -> None:
    deployment.wait_for_dag("late")
    run_id = deployment.api.trigger("late", {"margin": 20})
    file = deployment.home / "told.txt"

    assert deployment.wait_for_end("late", run_id, 400) == "failed"
    deployment.wait_for("all that is to be told", lambda: len(told(file, "late", run_id)) == 3, 60)

    messages = told(file, "late", run_id)
    assert messages["deadline"] == [f"Run {run_id} of late has not ended by its deadline"]
    assert [len(texts) for texts in messages.values()] == [1, 1, 1]
