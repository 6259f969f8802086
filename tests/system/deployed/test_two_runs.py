"""Two runs of the same job at the same time, beside one of another job that fails."""

from __future__ import annotations

import base64
import json
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.run_results import user_data_of
from tests.support.secrets_watch import account_secrets, leaked, role_secrets
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger

pytestmark = pytest.mark.slow


@dataclass
class TwoRuns:
    """Two runs that have ended, the one beside them, whose VMs' secrets are known, and all known secrets."""

    first: ObservedRun
    second: ObservedRun
    doomed: ObservedRun
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def runs(deployment: AirflowDeployment, local_cloud: LocalCloud) -> TwoRuns:
    first = trigger(deployment, local_cloud, "twins")
    second, doomed = (
        trigger(deployment, local_cloud, dag_id, gate=nullcontext) for dag_id in ("twins", "marathon")
    )
    doomed.wait_for_running_tasks(2)
    secrets = account_secrets(local_cloud)
    for vm in doomed.containers():
        secrets |= {f"{name} of {vm}": value for name, value in role_secrets(vm).items()}
    deployment.api.set_run_state("marathon", doomed.run_id, "failed")
    ends = [run.wait_for_end() for run in (first, second, doomed)]
    assert ends == ["success", "success", "failed"]
    return TwoRuns(first, second, doomed, secrets)


def test_they_are_at_work_at_the_same_time(runs: TwoRuns) -> None:
    (began, ended), (also_began, also_ended) = supervised(runs.first), supervised(runs.second)

    assert max(began, also_began) < min(ended, also_ended)


def test_each_has_its_own_execution_vms_and_results(runs: TwoRuns) -> None:
    first, second = runs.first, runs.second

    assert abs(first.identity["execution_id"] - second.identity["execution_id"]) == 1
    assert not {*first.instance_ids()} & {*second.instance_ids()}
    for run in (first, second):
        assert len(run.instance_ids()) == 2
        assert {*run.manifests()} == {*"abcdef"}
        assert run.left() == []


def test_neither_runs_on_the_others_vms_nor_publishes_the_others_files(runs: TwoRuns) -> None:
    first, second = runs.first, runs.second
    own = {(run.folder, task): run.result(task, "own") for run in (first, second) for task in "abcdef"}

    assert len({*own.values()}) == 12
    for run in (first, second):
        assert {vm["instance_id"] for vm in run.snapshot()["vms"].values()} == {*run.instance_ids()}


def test_the_limits_of_the_job_are_each_runs_own(runs: TwoRuns) -> None:
    """The job may have one VM of each market: each run has had both, at the same time."""
    for run in (runs.first, runs.second):
        assert sorted(vm["market"] for vm in run.snapshot()["vms"].values()) == ["on-demand", "spot"]


def test_no_secret_stands_where_others_can_read_it(runs: TwoRuns, local_cloud: LocalCloud) -> None:
    assert len(runs.secrets) == 2 + 2 * 2
    for run in (runs.first, runs.doomed):
        places = {**published(run), **in_the_cloud(run, local_cloud)}

        assert any(name.startswith("log of supervise") for name in places)
        assert any(name.startswith("XCom ('supervise', 'snapshot'") for name in places)
        assert len([name for name in places if name.startswith("user data of")]) == 2
        assert "hads:vm" in places["tags of instances"]
        assert "hads:vm" in places["tags of spot requests"]
        assert "hads:vm" in places["tags of volumes"]
        assert leaked(runs.secrets, places) == [], run.dag_id


def supervised(run: ObservedRun) -> tuple[datetime, datetime]:
    """Return when the run's controller began and ended."""
    supervise = run.instances("supervise")[0]
    began, ended = (
        datetime.fromisoformat(supervise[key].replace("Z", "+00:00")) for key in ("start_date", "end_date")
    )
    return began, ended


def published(run: ObservedRun) -> dict[str, str]:
    """Return all that Airflow shows of a run."""
    places = {}
    for one in run.deployment.api.task_instances(run.dag_id, run.run_id):
        name = f"{one['task_id']} [{one['map_index']}]"
        if one["try_number"] > 0:
            places[f"log of {name}"] = run.log(one["task_id"], map_index=one["map_index"])
    for entry in run.deployment.api.xcoms(run.dag_id, run.run_id):
        where = (entry["task_id"], entry["key"], entry["map_index"])
        places[f"XCom {where}"] = json.dumps(run.xcom(*where))
    return places


def in_the_cloud(run: ObservedRun, cloud: LocalCloud) -> dict[str, str]:
    """Return the tags of all that a run had in the cloud, and its VMs' user data."""
    ec2 = cloud.client("ec2")
    own = [{"Name": "tag:hads:run", "Values": [run.identity["uid"]]}]
    instances = run.instance_ids()
    requests = ec2.describe_spot_instance_requests(Filters=own)["SpotInstanceRequests"]
    tagged = [{"Name": "resource-id", "Values": instances}]
    return {
        "tags of instances": json.dumps(ec2.describe_tags(Filters=tagged)["Tags"]),
        "tags of spot requests": json.dumps([request["Tags"] for request in requests]),
        "tags of volumes": json.dumps(
            ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["volume"]}])["Tags"]
        ),
        **{
            f"user data of {instance}": base64.b64decode(user_data_of(cloud, instance)).decode()
            for instance in instances
        },
    }
