"""The hand-written DAG of the building blocks where all its tasks wait side by side in the triggerer."""

from __future__ import annotations

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import nothing_is_left
from tests.system.block_runs import DAG_ID, SPOT_TASKS, TASKS, known_runs, published, spot_instance
from tests.system.deployment import AirflowDeployment


def test_tasks_of_an_interrupted_vm_are_followed_at_once(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    """None of them fails, and none needs another try."""
    before = known_runs(local_cloud)
    deployment.wait_for_dag(DAG_ID)
    run_id = deployment.api.trigger(DAG_ID, {"seconds": 20})
    waiting = [*SPOT_TASKS, "interruption"]

    def all_wait() -> bool:
        states = deployment.api.task_states(DAG_ID, run_id)
        return {states.get((task, -1)) for task in waiting} == {"deferred"}

    deployment.wait_for("all of them in the triggerer", all_wait, 200)
    (run,) = set(known_runs(local_cloud)) - {*before}
    local_cloud.interrupt(spot_instance(local_cloud, run))

    assert deployment.wait_for_end(DAG_ID, run_id, 240) == "success"
    attempts = published(local_cloud, run)
    assert {attempts[task] for task in SPOT_TASKS} == {f"{task}.2" for task in SPOT_TASKS}
    assert attempts["safe_task"] == "safe_task.1"
    instances = deployment.api.task_instances(DAG_ID, run_id)
    assert {one["try_number"] for one in instances if one["task_id"] in TASKS} == {1}
    assert nothing_is_left(local_cloud, run)
