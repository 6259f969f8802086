"""Results of every kind, from a spot VM that runs two tasks at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.job_folders import Machine, write_job_folder
from tests.support.run_results import digest, instances_of, manifest, nothing_is_left, results_of
from tests.system.dags_test_result import DagsTestResult
from tests.system.job_runs import JobRun, JobRuns

pytestmark = pytest.mark.slow

RUN = "231_0"
BIG = 30_000_000
NAMES = [
    "a b.txt",
    "50%25 & more+.txt",
    "grün/日本.txt",
    'it\'s "quoted".txt',
    "-dash",
    "deep/er/still",
    "#?.txt",
]
WORDS = "words of one task only"


def _write_job(folder: Path) -> None:
    pair = "date +%s > begin; sleep 3; date +%s > end"
    write_job_folder(
        folder,
        {
            "left": pair,
            "right": pair,
            "names": "cp -r named/. . && rm -r named && mkdir empty && ln -s deep link && : > zero",
            "big": f"head -c {BIG} /dev/urandom > big.bin && sha256sum big.bin && echo {WORDS}",
        },
        [Machine(["left", "right", "names", "big"], "spot")],
        job_id="231",
    )
    for name in NAMES:
        path = folder / "app" / "names" / "data" / "named" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


JOB_RUNS = {"many_results": JobRun(_write_job)}


@pytest.fixture(scope="module")
def run(job_runs: JobRuns) -> DagsTestResult:
    return job_runs.result("many_results")


def test_the_run_succeeds(run: DagsTestResult) -> None:
    assert run.exit_code == 0, run.output[-3000:]


def test_names_are_kept_whatever_they_are(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    results = results_of(local_cloud, RUN, "names")

    assert results == {**{name: name.encode() for name in NAMES}, "zero": b""}
    assert "link: not uploaded: a symbolic link" in run.task_log("task", 2)


def test_a_big_file_arrives_whole(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    content = results_of(local_cloud, RUN, "big")["big.bin"]

    assert len(content) == BIG
    assert manifest(local_cloud, RUN, "big")["files"] == [
        {"path": "big.bin", "sha256": digest(content), "size": BIG}
    ]
    assert digest(content) in run.task_log("task", 3)


def test_a_containers_output_stands_in_its_own_tasks_log_only(run: DagsTestResult) -> None:
    logs = [run.task_log("task", index) for index in range(4)]

    assert [WORDS in log for log in logs] == [False, False, False, True]


def test_two_slots_run_two_tasks_at_once(run: DagsTestResult, local_cloud: LocalCloud) -> None:
    left, right = (results_of(local_cloud, RUN, task_id) for task_id in ("left", "right"))

    assert int(left["begin"]) < int(right["end"])
    assert int(right["begin"]) < int(left["end"])


def test_the_spot_vm_would_have_hibernated_and_its_request_is_closed(
    run: DagsTestResult, local_cloud: LocalCloud
) -> None:
    vm = instances_of(local_cloud, RUN)["vm-0"]
    requests = local_cloud.client("ec2").describe_spot_instance_requests(
        SpotInstanceRequestIds=[vm["SpotInstanceRequestId"]]
    )["SpotInstanceRequests"]

    assert vm["HibernationOptions"] == {"Configured": True}
    assert [(request["Type"], request["InstanceInterruptionBehavior"]) for request in requests] == [
        ("persistent", "hibernate")
    ]
    assert [request["State"] for request in requests] == ["cancelled"]
    assert nothing_is_left(local_cloud, RUN)
