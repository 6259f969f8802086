"""A controller follows another: after a run was cleared, or because the first one seemed to be dead."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger
from tests.system.other_controllers import let_another_controller_take_over
from tests.system.processes import parent_of

UNTIL_ANSWERED = 2.0
"""Seconds for what a controller has just asked Airflow: the answer can't come while that is stopped."""

UNTIL_REFUSED = 12.0
"""Seconds that a controller has, once it goes on, to speak to a VM: on a busy machine it needs several."""


@pytest.fixture(scope="module")
def cleared(deployment: AirflowDeployment, local_cloud: LocalCloud) -> ObservedRun:
    """A run that has failed with half of its tasks done, and was cleared then; at its last end.

    Its task that has failed was cleared alone at first.
    """
    run = trigger(deployment, local_cloud, "halves")
    run.wait_for_running_tasks(1)
    run.wait_for_tasks(["quick"], "finished")
    let_another_controller_take_over(run.containers()[0])
    assert run.wait_for_end() == "failed"
    for task_id, downstream, end in (("task", False, "failed"), ("supervise", True, "success")):
        deployment.api.clear("halves", run.run_id, [task_id], downstream=downstream)
        deployment.wait_for(
            "the run to go on", lambda: deployment.api.run_state("halves", run.run_id) == "running"
        )
        assert run.wait_for_end() == end
    return run


def test_only_what_was_not_done_is_run_again(cleared: ObservedRun) -> None:
    published = {task: manifest["attempt_id"] for task, manifest in cleared.manifests().items()}

    assert published == {"quick": "quick.1", "slow": "slow.g2.1"}
    assert cleared.attempts("quick") == []
    assert cleared.states("task") == ["success", "success"]


def test_the_plan_stays_and_the_controller_launches_what_it_needs(cleared: ObservedRun) -> None:
    assert [one["try_number"] for one in cleared.instances("schedule")] == [1]
    assert [*cleared.snapshot()["vms"]] == ["g2-vm-0"]
    assert len(cleared.instance_ids()) == 2
    assert "Decision: launch g2-vm-0" in cleared.log(
        "supervise", cleared.instances("supervise")[0]["try_number"]
    )
    assert cleared.left() == []


def test_a_tasks_sensor_that_is_cleared_alone_says_what_to_do(cleared: ObservedRun) -> None:
    quick, slow = (cleared.log("task", attempt=2, map_index=map_index) for map_index in (0, 1))

    assert "Task quick, attempt quick.1 on vm-0: finished" in quick
    assert "Task slow has not ended, and the run's supervise has: see its log." in slow
    assert "To run what has not finished, clear supervise with what is downstream of it" in slow


def test_of_two_controllers_the_older_one_is_refused_by_the_vms_and_ends(
    deployment: AirflowDeployment, local_cloud: LocalCloud
) -> None:
    run = trigger(deployment, local_cloud, "marathon")
    run.wait_until_at_work(["long", "longer"])
    runner = run.task_runner("supervise")
    watcher = parent_of(runner)
    os.kill(runner, signal.SIGSTOP)
    time.sleep(UNTIL_ANSWERED)
    os.kill(watcher, signal.SIGSTOP)
    try:
        deployment.wait_for("the second try", lambda: run.instances("supervise")[0]["try_number"] == 2, 120)
        deployment.wait_for("its first words to the VMs", lambda: 2 in highest_epochs(run), 120)
    finally:
        os.kill(runner, signal.SIGCONT)
        time.sleep(UNTIL_REFUSED)
        os.kill(watcher, signal.SIGCONT)

    deployment.wait_for("the older one's end", lambda: not is_alive(runner), 60)
    assert "epoch 1 is refused: a controller of epoch 2 has spoken" in run.log("supervise", attempt=1)
    assert run.states("supervise") == ["running"]
    assert {task_id: len(run.attempts(task_id)) for task_id in ("long", "longer")} == {"long": 1, "longer": 1}
    assert len(run.instance_ids()) == 2
    deployment.api.set_run_state("marathon", run.run_id, "failed")
    deployment.wait_for("the report", lambda: {*run.states("report")} & {"success", "failed"}, 120)
    assert run.left() == []


def is_alive(pid: int) -> bool:
    """Say whether a process runs, one that has ended and was not waited for not counted."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def highest_epochs(run: ObservedRun) -> set[int]:
    """Return the highest epochs that the run's VMs have heard."""
    said = [
        subprocess.run(
            ["docker", "exec", name, "cat", "/var/lib/hads/epoch"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,  # a VM may be ending
        ).stdout
        for name in run.containers()
    ]
    return {int(epoch) for epoch in said if epoch}
