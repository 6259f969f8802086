"""The whole controller against a cloud in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest

from airflow_provider_hads.exceptions import (
    CloudError,
    ControlEnded,
    EpochRefused,
    StorageError,
    VmUnreachable,
)
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.fleet import (
    Instance,
)
from airflow_provider_hads.model.run_state import Attempt, TaskRecord, TaskState, VmRecord, VmState
from airflow_provider_hads.model.runner import AttemptState, Exchange, VmStatus
from tests.support.control_examples import run_state
from tests.support.small_cloud import NO_CLOUD, SmallCloud, plan_of
from tests.support.supervised_runs import PLAIN, Harness, has_ended, states, with_policy


def test_a_job_runs_from_bare_vms_to_published_results() -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    state = Harness(cloud, tasks=6).run_until(has_ended)
    assert states(state) == {TaskState.FINISHED}
    assert sorted(cloud.published) == ["0", "1", "2", "3", "4", "5"]
    assert not state.deadline_missed
    assert state.pending == ()


def test_tasks_that_are_in_the_queues_already_are_not_given_out_again() -> None:
    cloud = SmallCloud("vm-0")
    first = Harness(cloud, tasks=3)
    first.run_until(lambda state: TaskState.RUNNING in states(state))
    successor = Harness(cloud, tasks=3, state=replace(run_state(plan_of(cloud, 3)), epoch=2))
    state = successor.run_until(has_ended)
    assert states(state) == {TaskState.FINISHED}
    assert sorted(cloud.vms["vm-0"].orders) == ["0.1", "1.1", "2.1"]


@pytest.mark.parametrize("killed_at", [0, 3, 12, 14, 31, 33, 52])
def test_a_successor_goes_on_whenever_its_predecessor_was_killed(killed_at: int) -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    first = Harness(cloud, tasks=4)
    first.run_until(lambda _: cloud.now > killed_at)
    state = Harness(cloud, tasks=4, state=first.killed()).run_until(has_ended)
    assert states(state) == {TaskState.FINISHED}
    assert sorted(cloud.published) == ["0", "1", "2", "3"]


def test_a_controller_ends_when_a_vm_has_heard_from_a_later_one() -> None:
    cloud = SmallCloud("vm-0")
    first = Harness(cloud, tasks=2)
    first.run_until(lambda state: state.vms["vm-0"].state is VmState.READY)
    cloud.vms["vm-0"].epoch = 9
    with pytest.raises(EpochRefused):
        first.run_until(has_ended)


def test_a_vm_that_never_boots_fails_its_own_tasks_only() -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    cloud.vms["vm-1"].boots_at = float("inf")
    state = Harness(cloud, tasks=4).run_until(has_ended, stride=5)
    assert [state.tasks[task].state.value for task in "0123"] == ["finished", "failed", "finished", "failed"]
    assert state.tasks["1"].reason.startswith("vm-1 was given up: not ready 300 s after its launch")


def test_results_whose_vm_ends_before_they_are_published_are_published() -> None:
    cloud = SmallCloud("vm-0")
    cloud.failing["publish"] = StorageError("the bucket does not answer")
    harness = Harness(cloud, tasks=1)
    harness.run_until(lambda state: state.tasks["0"].reason.startswith("its results are not published yet"))
    cloud.terminate("vm-0")
    harness.run_until(lambda state: state.vms["vm-0"].state is VmState.TERMINATED)
    del cloud.failing["publish"]
    assert states(harness.run_until(has_ended)) == {TaskState.FINISHED}


def test_a_task_that_runs_on_a_vm_that_ends_fails_with_the_clouds_reason() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1)
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.terminate("vm-0")
    state = harness.run_until(has_ended)
    assert state.tasks["0"].reason == "vm-0 has ended: Server.SpotInstanceTermination"


def test_while_the_cloud_does_not_answer_work_goes_on_and_nothing_is_given_up() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=2)
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.failing["describe"] = NO_CLOUD
    assert states(harness.run_until(has_ended)) == {TaskState.FINISHED}


def test_a_vm_that_the_cloud_does_not_show_for_a_moment_can_still_be_deployed() -> None:
    """Describe is only eventually consistent."""
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1)
    harness.run_until(lambda state: state.vms["vm-0"].state is VmState.BOOTING)
    cloud.hidden.add("vm-0")
    state = harness.run_until(lambda state: TaskState.RUNNING in states(state), limit=50)
    assert state.vms["vm-0"].state is VmState.READY


def test_when_nothing_answers_any_more_the_run_ends_after_its_margin() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1)
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.failing.update(exchange=VmUnreachable("timed out"), describe=NO_CLOUD)
    state = harness.run_until(has_ended, limit=1700, stride=10)
    assert 1600 < cloud.now <= 1630
    assert state.tasks["0"].reason == "given up 600 s after the deadline"


def test_a_non_zero_exit_code_fails_its_task_and_no_other() -> None:
    cloud = SmallCloud("vm-0")
    cloud.vms["vm-0"].exit_codes["1"] = 3
    state = Harness(cloud, tasks=3).run_until(has_ended)
    assert [task.state.value for task in state.tasks.values()] == ["finished", "failed", "finished"]
    assert state.tasks["1"].reason == "exit code 3 on vm-0"


def test_a_vm_that_hangs_is_asked_once_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    release, asked, exchange = Event(), [], cloud.exchange

    def hanging(instance: Instance, message: Exchange) -> VmStatus:
        if instance.vm_id == "vm-1":
            asked.append(cloud.now)
            release.wait(10)
        return exchange(instance, message)

    monkeypatch.setattr(cloud, "exchange", hanging)
    harness = Harness(cloud, tasks=2)
    state = harness.run_until(lambda state: state.tasks["0"].state is TaskState.FINISHED, limit=200)
    assert not state.tasks["1"].state.ended
    release.set()
    time.sleep(0.05)
    assert len(asked) == 1, "looks have piled up behind the one that hung"


def test_a_fault_in_a_lane_ends_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = SmallCloud("vm-0")

    def broken(instance: Instance, message: Exchange) -> VmStatus:
        raise KeyError("attempts")

    monkeypatch.setattr(cloud, "exchange", broken)
    with pytest.raises(KeyError, match="attempts"):
        Harness(cloud, tasks=1).run_until(has_ended, limit=30)


def test_a_short_lease_is_renewed_while_the_vm_is_needed() -> None:
    cloud = SmallCloud("vm-0")
    cloud.vms["vm-0"].expiry = 100
    Harness(cloud, tasks=1).run_until(lambda _: cloud.vms["vm-0"].expiry > 600, limit=100)


def test_the_state_is_saved_before_its_actions_are_carried_out() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1)
    harness.run_until(has_ended)
    assert any("deploy/vm-0" in state.pending for state in harness.saved)
    assert any("publish/0" in state.pending for state in harness.saved)
    assert harness.saved[-1] == harness.supervisor.state


def test_a_step_in_which_nothing_happens_saves_nothing() -> None:
    cloud = SmallCloud("vm-0")
    cloud.failing["describe"] = NO_CLOUD
    harness = Harness(cloud, tasks=1)
    harness.run_until(lambda _: cloud.now > 30)
    assert len(harness.saved) == 1


def test_the_log_tells_the_story_and_the_decisions(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_hads")
    Harness(SmallCloud("vm-0"), tasks=1).run_until(has_ended)
    told = [record.getMessage().partition("] ")[2] or record.getMessage() for record in caplog.records]
    assert told == [
        "vm-0 (small, spot) is i-vm-0",
        "Decision: deploy vm-0 (vm-without-runner)",
        "vm-0 (small, spot) answers",
        "Task 0 started on vm-0",
        "Task 0 ended on vm-0 with exit code 0 after 20.0 s",
        "Task 0: results published",
    ]


def test_with_a_policy_a_lost_vms_tasks_are_run_on_a_vm_that_it_launches() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=2, **with_policy(2))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.terminate("vm-0")
    state = harness.run_until(has_ended)
    assert states(state) == {TaskState.FINISHED}
    assert sorted(cloud.published) == ["0", "1"]
    assert "vm-1" in cloud.vms
    assert state.decided["spot-for-open-work"] >= 1


def test_nothing_is_decided_before_the_cloud_was_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, release = SmallCloud("vm-0"), Event()
    describe = cloud.describe
    monkeypatch.setattr(cloud, "describe", lambda: (release.wait(10), describe())[1])
    harness = Harness(cloud, tasks=1, **with_policy(1))
    for _ in range(5):
        harness.supervisor.step()
        cloud.now += 1
    assert (harness.saved, harness.supervisor.state.launches) == ([], 0)
    release.set()
    assert states(harness.run_until(has_ended)) == {TaskState.FINISHED}
    assert [*cloud.vms] == ["vm-0"]


def test_a_launch_of_which_a_predecessor_has_not_heard_is_asked_for_again() -> None:
    cloud = SmallCloud()
    asked = VmRecord("vm-4", 4, "small", Market.SPOT, 0.03, (), VmState.LAUNCHING)
    state = replace(run_state({}), epoch=2, vms={"vm-4": asked}, pending=("launch/vm-4", "assign/0.1"))
    state = replace(state, tasks={"0": TaskRecord("0")})
    harness = Harness(cloud, tasks=1, state=state, **with_policy(1))
    harness.run_until(has_ended)
    assert [*cloud.vms] == ["vm-4"]


class LooksToEndVms:
    """Counts the looks at a cloud by which VMs are ended, and shows VMs to those looks only.

    :param late: ids of VMs that no other look shows yet.
    """

    def __init__(self, cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch, *late: str) -> None:
        self.count = 0
        describe = cloud.describe

        def counted() -> tuple[Instance, ...]:
            ends = threading.current_thread().name.startswith("hads cloud/")
            self.count += ends
            return tuple(one for one in describe() if ends or one.vm_id not in late)

        monkeypatch.setattr(cloud, "describe", counted)


def living(cloud: SmallCloud) -> set[str]:
    """Return the VMs that have not ended, once all that was asked of the cloud has been done."""
    while any(thread.name.startswith("hads cloud/") for thread in threading.enumerate()):
        time.sleep(0.001)
    return {vm_id for vm_id, vm in cloud.vms.items() if not vm.shown.state.ended}


def test_vms_that_are_known_are_ended_without_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = SmallCloud("vm-0", "vm-1", "vm-2", "vm-3")
    looks = LooksToEndVms(cloud, monkeypatch)
    Harness(cloud, tasks=1, **with_policy(1)).run_until(has_ended)
    assert (living(cloud), looks.count) == (set(), 0)


def test_a_vm_of_whose_launch_no_answer_has_come_is_looked_for_to_be_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    looks = LooksToEndVms(cloud, monkeypatch, "vm-1")
    state = run_state({"vm-0": ["0"], "vm-1": []})
    unheard = replace(state.vms["vm-1"], state=VmState.LAUNCHING)
    state = replace(state, vms={**state.vms, "vm-1": unheard})
    Harness(cloud, 1, state, **with_policy(1)).run_until(has_ended)
    assert (living(cloud), looks.count) == (set(), 1)


def test_a_vm_that_can_t_be_ended_is_looked_for_as_the_cloud_may_have_forgotten_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forgotten(_: Instance) -> None:
        cloud.hidden.add("vm-1")
        raise CloudError("InvalidInstanceID.NotFound")

    cloud = SmallCloud("vm-0", "vm-1")
    looks = LooksToEndVms(cloud, monkeypatch)
    monkeypatch.setattr(cloud, "end", forgotten)
    harness = Harness(cloud, tasks=1, **with_policy(1))
    harness.run_until(lambda state: state.vms["vm-1"].state is VmState.TERMINATED)
    assert looks.count == 1


def test_of_a_vm_whose_place_another_has_taken_all_that_lives_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = SmallCloud("vm-0", "vm-1")
    looks = LooksToEndVms(cloud, monkeypatch)
    harness = Harness(cloud, tasks=2, **with_policy(2))
    harness.run_until(lambda state: state.vms["vm-1"].instance_id is not None)
    cloud.vms["vm-1"].shown = replace(cloud.vms["vm-1"].shown, instance_id="i-again")
    harness.run_until(lambda state: state.vms["vm-1"].state is VmState.TERMINATED)
    assert "vm-1" not in living(cloud)
    assert looks.count == 1


def test_after_a_long_gap_it_makes_sure_that_nobody_else_has_taken_over() -> None:
    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1, **with_policy(1))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.vms["vm-0"].epoch = 9
    cloud.now += 300
    before = len(harness.saved)
    with pytest.raises(EpochRefused, match="epoch 1 is refused: epoch 9 has spoken"):
        harness.supervisor.step()
    assert len(harness.saved) == before, "nothing was decided"


def test_if_no_vm_tells_who_is_in_charge_the_stored_state_does() -> None:
    def taken_over() -> None:
        raise EpochRefused("epoch 1 has been followed by 2")

    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1, confirm=taken_over, **with_policy(1))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    cloud.failing["exchange"] = VmUnreachable("timed out")
    cloud.now += 300
    with pytest.raises(EpochRefused, match="has been followed by 2"):
        harness.supervisor.step()


def test_nothing_is_launched_for_a_run_that_was_ended_while_its_vms_were_being_terminated() -> None:
    """Who ends a run terminates its VMs; its controller may see that before it is ended itself."""
    state = {"ended": False}

    def still_running() -> None:
        if state["ended"]:
            raise ControlEnded("Airflow has this task as failed")

    cloud = SmallCloud("vm-0")
    harness = Harness(cloud, tasks=1, confirm=still_running, **with_policy(1))
    harness.run_until(lambda state: TaskState.RUNNING in states(state))
    state["ended"] = True
    cloud.terminate("vm-0")
    with pytest.raises(ControlEnded):
        harness.run_until(has_ended)
    assert list(cloud.vms) == ["vm-0"]


class Paused:
    """A controller whose process was paused for long while one order waited behind another one to its VM."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, confirm: Callable[[], None]) -> None:
        cloud, begun, release = SmallCloud("vm-0"), Event(), Event()
        self.ordered: list[str] = []
        exchange = cloud.exchange

        def slow(instance: Instance, message: Exchange) -> VmStatus:
            if message.enqueue:
                self.ordered += [order.attempt_id for order in message.enqueue]
                begun.set()
                assert release.wait(5)
            return exchange(instance, message)

        monkeypatch.setattr(cloud, "exchange", slow)
        self.harness = Harness(cloud, tasks=2, confirm=confirm, **with_policy(2, replace(PLAIN, vcpus=2)))
        self.harness.run_until(lambda _: begun.is_set())
        cloud.now += 300
        release.set()
        self.rest()

    @staticmethod
    def rest() -> None:
        """Wait until nothing is said to the VM."""
        while any(thread.name == "hads vm/vm-0" for thread in threading.enumerate()):
            time.sleep(0.001)


def test_what_waited_through_a_long_gap_is_not_carried_out_where_another_has_taken_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def taken_over() -> None:
        raise EpochRefused("epoch 1 has been followed by 2")

    paused = Paused(monkeypatch, taken_over)
    assert paused.ordered == ["0.1"]
    with pytest.raises(EpochRefused):
        paused.harness.supervisor.step()
    paused.harness.supervisor.close()
    paused.rest()
    assert paused.ordered == ["0.1"]


def test_what_waited_through_a_long_gap_is_carried_out_once_it_is_sure_who_is_in_charge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paused = Paused(monkeypatch, confirm=lambda: ordered.append(list(paused.ordered)))
    ordered: list[list[str]] = []
    assert states(paused.harness.run_until(has_ended)) == {TaskState.FINISHED}
    assert ordered == [["0.1"]], "the other one was held until then"
    assert paused.ordered == ["0.1", "1.1"]


def test_a_vm_that_comes_back_hears_what_to_drop_before_it_starts_anything() -> None:
    cloud = SmallCloud("vm-0")
    cloud.vms["vm-0"].prepared = True
    state = run_state({"vm-0": ["0", "1"]})
    asleep = replace(state.vms["vm-0"], state=VmState.HIBERNATED, instance_id="i-vm-0", boot_id="boot")
    superseded = Attempt("0.1", "vm-0", AttemptState.CANCELLED, error="dropped: superseded", ended_at=5)
    tasks = {"0": TaskRecord("0", TaskState.FINISHED, (superseded,)), "1": TaskRecord("1")}
    harness = Harness(cloud, 2, replace(state, vms={"vm-0": asleep}, tasks=tasks), **with_policy(2))
    harness.run_until(has_ended)
    assert cloud.vms["vm-0"].said[0].cancel == ("0.1",)
    assert cloud.vms["vm-0"].said[0].enqueue == ()
