"""Runs for which nothing can be had, or nothing works: clear messages, a failed run, and nothing is left.

Where it is one VM only that can't be used, its tasks move, and the run succeeds.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.system.hindered_jobs import BOOT_TIMEOUT, BROKEN, TASKS
from tests.system.interrupted_runs import InterruptedRuns
from tests.system.observed_run import ObservedRun

pytestmark = pytest.mark.slow


class ObservedOnAWholeAirflow:
    """Tests of one run.

    :cvar JOB: whose run it is.
    """

    JOB: ClassVar[str]

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> ObservedRun:
        return interrupted_runs.deployed(self.JOB)

    def test_nothing_is_left(self, run: ObservedRun) -> None:
        assert run.wait_for_end() in ("success", "failed")
        assert run.left() == []


class NothingWorks(ObservedOnAWholeAirflow):
    """Tests of a run that nothing comes of.

    :cvar REASON: what its logs say.
    :cvar END: how its first task failed.
    """

    REASON: ClassVar[str]
    END = "given up 10 s after the deadline"

    def test_the_run_fails_and_says_why(self, run: ObservedRun) -> None:
        assert run.wait_for_end() == "failed"
        assert run.states("supervise") == ["failed"]
        assert self.REASON in run.story() + run.log("vm.provision", map_index=0)
        assert f"Task a failed: {self.END}" in run.story()

    def test_each_task_fails_with_a_reason(self, run: ObservedRun) -> None:
        assert run.states("task") == ["failed", "failed"]
        for index, task_id in enumerate(TASKS):
            assert f"Task {task_id} failed: " in run.log("task", map_index=index)

    def test_no_vm_is_launched_again_and_again(self, run: ObservedRun) -> None:
        assert len(run.instance_ids()) <= 10


class TestThereIsNoCapacityOfAnyType(NothingWorks):
    JOB = "no_capacity"
    REASON = "InsufficientInstanceCapacity"

    def test_no_vm_was_launched(self, run: ObservedRun) -> None:
        assert run.instance_ids() == []


class TestEveryVmRefusesSsh(NothingWorks):
    JOB = "no_ssh"
    REASON = f"not ready {BOOT_TIMEOUT[JOB]:.0f} s after its launch"


class TestEveryVmIsAnotherHost(NothingWorks):
    JOB = "other_hosts"
    REASON = "is not the VM that was launched: its host key is SHA256:"


class TestTheBucketIsGone(NothingWorks):
    JOB = "no_bucket"
    REASON = "its results could not be uploaded"
    END = "could not be run on vm-0"


class TestOneTasksCommandDoesNotExist(ObservedOnAWholeAirflow):
    JOB = "no_command"

    def test_the_run_fails_and_the_others_are_done(self, run: ObservedRun) -> None:
        assert run.wait_for_end() == "failed"
        assert run.states("task") == ["success", "failed"]
        assert run.states("supervise") == ["success"]
        assert "Task b failed: command not found, exit code 127" in run.log("task", map_index=1)
        assert run.result("a", "out") == b"a\n"


class TestThreeVmsOfFourCantBeUsed(ObservedOnAWholeAirflow):
    """Each is given up, within its boot time-out at the latest, with the reason, and its task moves."""

    JOB = "broken_vms"
    TASKS_OF_BROKEN = ("key", "server", "login")

    def test_the_run_succeeds_all_the_same(self, run: ObservedRun) -> None:
        assert run.wait_for_end() == "success"
        assert run.xcom("report")["deadline_met"] is True
        assert {*run.states("task")} == {"success"}
        for task_id in (*self.TASKS_OF_BROKEN, "good"):
            assert run.result(task_id, "out") == b"done\n"

    def test_nobody_has_spoken_to_one_before(self, run: ObservedRun) -> None:
        for vm in BROKEN:
            assert f"{vm} (c5.large, on-demand) is ready" not in run.story()

    def test_another_hosts_key_is_refused_and_both_fingerprints_are_told(self, run: ObservedRun) -> None:
        refused = "vm-0 (c5.large, on-demand) is lost: "
        told = [line for line in run.story().splitlines() if refused in line]

        assert told != []
        assert all("is not the VM that was launched: its host key is SHA256:" in line for line in told)
        assert all(line.count("SHA256:") == 2 for line in told)

    def test_a_vm_without_ssh_is_given_up_after_its_boot_time_out(self, run: ObservedRun) -> None:
        lost = (
            f"vm-1 (c5.large, on-demand) is lost: not ready {BOOT_TIMEOUT[self.JOB]:.0f} s after its launch"
        )

        assert lost in run.story()
        assert "Decision: terminate vm-1 (given-up)" in run.story()

    def test_a_vm_that_refuses_the_login_is_given_up_and_the_key_is_named(self, run: ObservedRun) -> None:
        assert "with the key of connection 'hads_local_ssh' is refused" in run.story()

    @pytest.mark.parametrize("index", range(3))
    def test_each_tasks_log_says_that_it_was_interrupted_and_where_it_went(
        self, run: ObservedRun, index: int
    ) -> None:
        log, task_id = run.log("task", map_index=index), self.TASKS_OF_BROKEN[index]
        published = run.manifests()[task_id]["attempt_id"]

        assert f"Task {task_id}, attempt {task_id}.1 on vm-{index}: cancelled, interrupted: " in log
        assert published != f"{task_id}.1"
        assert f"Task {task_id}, attempt {published} on vm-" in log
