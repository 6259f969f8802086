"""The hand-written DAG of the building blocks where all its tasks wait side by side in the triggerer."""

from __future__ import annotations

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import nothing_is_left
from tests.system.block_runs import DAG_ID, SPOT_TASKS, TASKS, known_runs, places, published, spot_instance
from tests.system.deployment import AirflowDeployment


def test_tasks_of_an_interrupted_vm_are_followed_at_once(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    """None of them fails, and none needs another try."""
    before = known_runs(local_cloud)
    deployment.wait_for_dag(DAG_ID)
    run_id = deployment.api.trigger(DAG_ID, {"seconds": 20})

    def all_begun() -> bool:
        begun = [(run, task) for run in {*known_runs(local_cloud)} - {*before} for task in SPOT_TASKS]
        sensor = deployment.api.task_states(DAG_ID, run_id).get(("interruption", -1))
        tried = [places(local_cloud, run, task) for run, task in begun]
        return sensor == "deferred" and bool(tried) and all(tried)

    deployment.wait_for("the sensor and all tasks", all_begun, 200)
    (run,) = set(known_runs(local_cloud)) - {*before}
    local_cloud.interrupt(spot_instance(local_cloud, run))

    assert deployment.wait_for_end(DAG_ID, run_id, 400) == "success"
    moved = [one["task_id"] for one in deployment.api.xcom(DAG_ID, run_id, "migrate")]
    assert {*moved} <= {*SPOT_TASKS}
    assert moved  # one at least, for the VM has two slots for three tasks
    assert published(local_cloud, run) == {task: f"{task}.{2 if task in moved else 1}" for task in TASKS}
    instances = deployment.api.task_instances(DAG_ID, run_id)
    assert {one["try_number"] for one in instances if one["task_id"] in TASKS} == {1}
    assert nothing_is_left(local_cloud, run)
