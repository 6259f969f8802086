"""Spot VMs hibernate, stop and come back under running tasks: what is done about it, and what is told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.system.completeness import assert_complete, ended_on
from tests.system.interrupted_jobs import (
    BASELINE,
    DEADLINE_OF_WAITING,
    DEAR_TYPE,
    LONG,
    counted,
    pauses,
    quota,
)
from tests.system.interrupted_runs import InterruptedRuns
from tests.system.observed_run import ObservedRun
from tests.system.run_in_cloud import RunInCloud

pytestmark = pytest.mark.slow


class TestAVmHibernatesForGood:
    JOB = "gone"
    TASKS = tuple(f"t{number}" for number in range(12))

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_all_results_are_right_by_the_deadline(self, run: RunInCloud) -> None:
        assert_complete(run, self.TASKS, 30)

    def test_its_tasks_ended_elsewhere_and_no_others_moved(self, run: RunInCloud) -> None:
        own = {"t1", "t4", "t7", "t10"}

        assert "vm-1" not in {ended_on(run, task_id) for task_id in self.TASKS}
        assert {task_id for task_id in self.TASKS if len(run.attempts(task_id)) > 1} == own

    def test_the_log_the_snapshot_and_the_report_say_why(self, run: RunInCloud) -> None:
        story = run.log("supervise")
        decided = run.decisions(action="assign")

        assert "vm-1 (c5.large, spot) is hibernat" in story
        assert {one["attempt"].partition(".")[0] for one in decided} >= {"t1", "t4", "t7", "t10"}
        for one in decided:
            assert f"Decision: assign {one['attempt']} to {one['vm']} ({one['reason']})" in story
        told = run.xcom("report")["decisions"]
        assert [one["attempt"] for one in told if one["action"] == "assign"] == [
            one["attempt"] for one in decided
        ]
        assert all(one["price"] < one["on_demand_price"] for one in told if one["action"] == "launch")

    def test_the_tasks_own_log_says_where_it_ran_and_why_it_moved(self, run: RunInCloud) -> None:
        log = run.log("task", map_index=1)
        moved = run.attempts("t1")[-1]

        assert "Task t1, attempt t1.1 on vm-1: cancelled" in log
        assert f"Task t1, attempt {moved['id']} on {moved['vm']} ({moved['reason']}: " in log

    def test_the_time_hibernated_is_not_paid_for(self, run: RunInCloud) -> None:
        vms = {vm["vm_id"]: vm for vm in run.xcom("report")["vms"]}

        assert vms["vm-1"]["slept"] > 0
        assert vms["vm-1"]["seconds"] < vms["vm-0"]["seconds"]


class TestAVmHibernatesForGoodOnAWholeAirflow:
    JOB = "gone_deployed"
    TASKS = tuple(f"t{number}" for number in range(12))
    OWN = ("t1", "t4", "t7", "t10")

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> ObservedRun:
        return interrupted_runs.deployed(self.JOB)

    def test_all_results_are_right_by_the_deadline(self, run: ObservedRun) -> None:
        assert_complete(run, self.TASKS, 30)
        assert set(run.states("task")) == {"success"}

    def test_its_tasks_ended_elsewhere(self, run: ObservedRun) -> None:
        assert "vm-1" not in {ended_on(run, task_id) for task_id in self.TASKS}
        for task_id in self.OWN:
            assert len(run.attempts(task_id)) > 1

    def test_the_grid_shows_each_attempt_and_why_it_was_there(self, run: ObservedRun) -> None:
        for task_id in self.OWN:
            moved = run.attempts(task_id)[-1]
            log = run.log("task", map_index=int(task_id[1:]))

            assert f"Task {task_id}, attempt {task_id}.1 on vm-1: cancelled" in log
            assert f"Task {task_id}, attempt {moved['id']} on {moved['vm']} ({moved['reason']}: " in log
            assert f"Decision: assign {moved['id']} to {moved['vm']}" in run.log("supervise")


class TestAVmIsResumedBeforeItIsLate:
    JOB = "back_soon"
    TASKS = ("t0", "t1", "t2", "t3")

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_its_tasks_went_on_from_where_they_were(self, run: RunInCloud) -> None:
        assert_complete(run, self.TASKS, 45)
        for task_id in ("t2", "t3"):
            assert pauses(run.result(task_id, "out")) >= 4
        for task_id in ("t0", "t1"):
            assert pauses(run.result(task_id, "out")) < 4

    def test_nothing_was_migrated_and_nothing_ran_twice(self, run: RunInCloud) -> None:
        assert [len(run.attempts(task_id)) for task_id in self.TASKS] == [1, 1, 1, 1]
        assert run.decisions(action="assign") == []
        assert len(run.instance_ids()) == 2


class TestAVmIsResumedWhenItsWorkWasMigrated:
    JOB = "back_late"
    TASKS = tuple(f"t{number}" for number in range(14))

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_all_results_are_right_and_none_is_published_twice(self, run: RunInCloud) -> None:
        assert_complete(run, self.TASKS, LONG)
        assert run.decisions(reason="migrated") != []

    def test_it_is_told_to_drop_what_was_done_elsewhere(self, run: RunInCloud) -> None:
        story = run.log("supervise")

        for task_id in ("t10", "t11"):
            first = run.attempts(task_id)[0]
            assert ended_on(run, task_id) != "vm-1"
            assert (first["vm"], first["state"]) == ("vm-1", "cancelled")
            assert "superseded" in first["error"]
            assert f"Decision: drop {task_id}.1 on vm-1 (superseded)" in story

    def test_then_it_steals_work(self, run: RunInCloud) -> None:
        stolen = run.decisions(action="assign", vm="vm-1", reason="stolen")

        assert stolen != []
        assert any(ended_on(run, one["attempt"].partition(".")[0]) == "vm-1" for one in stolen)


class TestAllSpotVmsHibernateAtOnce:
    JOB = "all_gone"
    TASKS = ("t0", "t1", "t2", "t3")

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_on_demand_vms_take_over_and_the_deadline_holds(self, run: RunInCloud) -> None:
        assert_complete(run, self.TASKS, 45)
        vms = run.snapshot()["vms"]
        assert {vms[ended_on(run, task_id)]["market"] for task_id in self.TASKS} == {"on-demand"}

    def test_they_were_launched_when_there_was_no_more_time_to_wait_for_spot_vms(
        self, run: RunInCloud
    ) -> None:
        vms = run.snapshot()["vms"]
        launches = [one for one in run.decisions(action="launch") if vms[one["vm"]]["market"] == "on-demand"]

        assert launches != []
        assert {one["reason"] for one in launches} == {"latest-safe-time"}
        assert f"({DEAR_TYPE}, on-demand) (latest-safe-time)" in run.log("supervise")
        assert min(one["at"] for one in launches) > DEADLINE_OF_WAITING / 2


class TestABurstableVmTakesWorkAtFullSpeed:
    JOB = "bursting"

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_a_frozen_task_goes_on_there(self, run: RunInCloud) -> None:
        assert run.wait_for_end() == "success"
        moved = run.decisions(action="assign", vm="vm-1", reason="migrated")

        assert "t0.2" in [one["attempt"] for one in moved]
        assert ended_on(run, "t0") == "vm-1"
        assert counted(run.result("t0", "out")) == [*range(1, 121)]

    def test_what_the_plan_had_there_ran_in_baseline_mode_and_what_was_moved_does_not(
        self, run: RunInCloud
    ) -> None:
        assert quota(run.result("t2", "quota")) == pytest.approx(BASELINE)
        assert quota(run.result("t0", "quota")) is None

    def test_nothing_is_left(self, run: RunInCloud) -> None:
        assert run.left() == []


class TestAWarnedVmAndOneThatLosesItsMemory:
    JOB = "warned"
    TASKS = ("t0", "t1", "t2", "t3")

    @pytest.fixture
    def run(self, interrupted_runs: InterruptedRuns) -> RunInCloud:
        return interrupted_runs[self.JOB]

    def test_all_results_are_right(self, run: RunInCloud) -> None:
        assert_complete(run, self.TASKS, 80)

    def test_the_warned_vms_task_is_moved_before_the_vm_stops(self, run: RunInCloud) -> None:
        first, *later = run.attempts("t0")

        assert later != []
        assert ended_on(run, "t0") != "vm-0"
        [moved] = run.decisions(action="assign", attempt=later[0]["id"])
        stops = [  # none where the controller has ended the VM before, since nothing was left on it
            datetime.fromisoformat(one.at)
            for one in run.cloud.history()
            if (one.instance_id, one.what) == (run.instance_id("vm-0"), "stop")
        ]
        assert all(started(run) + timedelta(seconds=moved["at"]) < stopped for stopped in stops)
        assert (first["vm"], first["state"]) == ("vm-0", "cancelled")
        assert "leaving" in first["error"]

    def test_what_ran_on_the_vm_that_lost_its_memory_counts_as_interrupted(self, run: RunInCloud) -> None:
        first, *later = run.attempts("t1")

        assert first["error"] == "interrupted: vm-1 came back without its memory"
        assert later != []


def started(run: RunInCloud) -> datetime:
    """Return when the run started: its decisions are told from then on."""
    return datetime.fromisoformat(run.identity["started_at"])
