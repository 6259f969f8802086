"""Two runs of the same job at the same time."""

from __future__ import annotations

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import trigger


def test_each_has_its_own_execution_vms_and_results(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    first, second = (trigger(deployment, local_cloud, "pair") for _ in range(2))
    doomed = trigger(deployment, local_cloud, "marathon")
    doomed.wait_for_running_tasks(2)
    deployment.api.set_run_state("marathon", doomed.run_id, "failed")

    assert [first.wait_for_end(), second.wait_for_end(), doomed.wait_for_end()] == [
        "success",
        "success",
        "failed",
    ]

    assert abs(first.identity["execution_id"] - second.identity["execution_id"]) == 1
    assert not {*first.instance_ids()} & {*second.instance_ids()}
    for run in (first, second):
        assert len(run.instance_ids()) == 2
        assert {*run.manifests()} == {*"abcdef"}
        assert run.left() == []
