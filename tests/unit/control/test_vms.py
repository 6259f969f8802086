"""A VM's way from the plan to its end, by what the cloud and its runner say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control import Observation, Silence
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import RunState, TaskState, VmState
from tests.support.control_examples import (
    NOTHING,
    at,
    done,
    heard,
    instance,
    play,
    run_state,
    shown,
    silent,
    status,
    told,
)

LAUNCHED = shown(instance())
PENDING = shown(instance(state=InstanceState.PENDING, address=None))


def vm(*steps: tuple[float, Observation], start: RunState | None = None) -> tuple[VmState, str]:
    """Return the state of the one VM after some steps, and why it is there."""
    state, _ = play(start or run_state({"vm-0": ["a"]}), steps)
    return state.vms["vm-0"].state, state.vms["vm-0"].reason


def test_a_vm_boots_when_the_cloud_shows_it_and_is_ready_when_its_runner_answers() -> None:
    assert vm((1, NOTHING)) == (VmState.PLANNED, "")
    assert vm((1, PENDING)) == (VmState.BOOTING, "")
    assert vm((1, PENDING), (5, LAUNCHED), (30, heard())) == (VmState.READY, "")


def test_while_it_boots_the_latest_silence_is_its_reason() -> None:
    assert vm((1, LAUNCHED), (9, silent())) == (VmState.BOOTING, "no route to host")


def test_who_does_not_answer_after_the_boot_time_out_is_given_up() -> None:
    assert vm((1, LAUNCHED), (300, silent()))[0] is VmState.BOOTING
    assert vm((1, LAUNCHED), (301, silent())) == (
        VmState.LOST,
        "not ready 300 s after its launch: no route to host",
    )


def test_who_is_still_pending_after_the_boot_time_out_is_given_up() -> None:
    assert vm((1, PENDING), (301, PENDING)) == (VmState.LOST, "not ready 300 s after its launch")


def test_a_controller_that_comes_late_asks_before_it_gives_up() -> None:
    """It may have been away, or may have waited for another, slow VM: this one may long have been ready."""
    assert vm((400, LAUNCHED)) == (VmState.BOOTING, "")
    assert vm((400, LAUNCHED), (401, NOTHING), (402, heard())) == (VmState.READY, "")


def test_a_vm_that_answers_without_a_runner_is_not_given_up_before_its_deployment_has_failed() -> None:
    undeployed = silent(undeployed=True)
    assert vm((400, LAUNCHED), (401, undeployed))[0] is VmState.BOOTING
    assert vm((400, LAUNCHED), (401, undeployed), (420, done("deploy/vm-0", error="disk full"))) == (
        VmState.LOST,
        "not ready 300 s after its launch: disk full",
    )


@pytest.mark.parametrize(
    "wrong_host",
    [
        Observation(silences={"vm-0": Silence("another host answers", hopeless=True)}),
        done("deploy/vm-0", error="another host answers", hopeless=True),
    ],
)
def test_a_vm_that_is_not_the_one_that_was_launched_is_given_up_at_once(wrong_host: Observation) -> None:
    assert vm((1, LAUNCHED), (2, wrong_host)) == (VmState.LOST, "another host answers")


def test_a_failed_deployment_before_the_time_out_is_no_reason_to_give_up() -> None:
    assert vm((1, LAUNCHED), (50, done("deploy/vm-0", error="disk full"))) == (VmState.BOOTING, "disk full")


def test_a_ready_vm_that_falls_silent_stays_ready_and_says_so() -> None:
    assert vm((1, LAUNCHED), (9, heard()), (900, silent())) == (VmState.READY, "no route to host")
    assert vm((1, LAUNCHED), (9, heard()), (900, silent()), (905, heard())) == (VmState.READY, "")


def test_the_cloud_says_why_a_vm_has_ended() -> None:
    ended = shown(instance(state=InstanceState.SHUTTING_DOWN, reason="Server.SpotInstanceTermination"))
    assert vm((1, LAUNCHED), (9, ended)) == (VmState.TERMINATED, "Server.SpotInstanceTermination")


def test_a_vm_has_ended_when_that_was_first_seen() -> None:
    ended = (
        shown(instance(state=InstanceState.SHUTTING_DOWN)),
        shown(instance(state=InstanceState.TERMINATED)),
    )
    state, _ = play(run_state({"vm-0": ["a"]}), [(1, LAUNCHED), (9, ended[0]), (14, ended[1])])
    assert state.vms["vm-0"].ended_at == 9


def test_who_has_ended_never_comes_back() -> None:
    gone = (9.0, shown(instance(state=InstanceState.TERMINATED)))
    assert vm((1, LAUNCHED), gone, (10, LAUNCHED), (11, heard())) == (VmState.TERMINATED, "terminated")


def test_a_vm_whose_spot_request_has_launched_another_instance_is_given_up() -> None:
    """A persistent request launches again after EC2 has ended its instance; that may be seen at once."""
    for state in (InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPED):
        followed = shown(instance(instance_id="i-2", state=state))
        assert vm((1, LAUNCHED), (9, heard()), (60, followed)) == (
            VmState.LOST,
            "i-vm-0 has ended; its spot request has launched i-2 in its place",
        )


def test_a_given_up_vm_that_answers_later_stays_given_up_until_it_ends() -> None:
    given_up = [(1.0, LAUNCHED), (301.0, silent("vm-0", "too slow"))]
    assert vm(*given_up, (310, heard()), (311, LAUNCHED))[0] is VmState.LOST
    ended = shown(instance(state=InstanceState.TERMINATED, reason="user"))
    assert vm(*given_up, (320, ended)) == (VmState.TERMINATED, "not ready 300 s after its launch: too slow")


def test_a_resumed_vm_has_the_whole_boot_time_out_again() -> None:
    hibernated = (500.0, shown(instance(state=InstanceState.STOPPED, reason="hibernated")))
    story = [(1.0, LAUNCHED), (9.0, heard()), hibernated]
    assert vm(*story) == (VmState.HIBERNATED, "hibernated")
    assert vm(*story, (700, LAUNCHED), (990, silent()))[0] is VmState.RESUMED
    assert vm(*story, (700, LAUNCHED), (710, heard())) == (VmState.READY, "")
    assert vm(*story, (700, LAUNCHED), (1001, silent()))[0] is VmState.LOST


def test_a_vm_that_is_shown_no_more_has_ended_if_it_is_old_enough_to_be_shown() -> None:
    """A describe call may not show an instance in its first minute."""
    assert vm((1, shown(instance(launched=0))), (59, shown()))[0] is VmState.BOOTING
    assert vm((1, shown(instance(launched=0))), (70, shown())) == (
        VmState.TERMINATED,
        "the cloud shows it no more",
    )


def test_a_new_vm_may_vanish_for_a_moment_however_long_the_controller_has_looked() -> None:
    new = shown(instance(launched=490))
    assert vm((1, NOTHING), (500, new), (549, shown()))[0] is VmState.BOOTING
    assert vm((1, NOTHING), (500, new), (551, shown()))[0] is VmState.TERMINATED


def test_a_vm_that_was_never_launched_is_given_up_a_minute_after_the_controllers_start() -> None:
    assert vm((500, shown()), (560, shown()))[0] is VmState.PLANNED
    assert vm((500, shown()), (561, shown())) == (
        VmState.LOST,
        "the cloud does not know it: it was never launched",
    )


def test_while_the_cloud_does_not_answer_nothing_is_taken_for_lost() -> None:
    assert vm((1, NOTHING), (900, NOTHING)) == (VmState.PLANNED, "")
    assert vm((1, LAUNCHED), (9, heard()), (900, NOTHING)) == (VmState.READY, "")


def test_the_reason_of_a_refused_launch_is_kept() -> None:
    state = run_state({"vm-0": ["a"]})
    refused = replace(state.vms["vm-0"], state=VmState.LOST, reason="no capacity")
    state = replace(state, vms={"vm-0": refused})
    assert vm((1, shown()), (500, shown()), start=state) == (VmState.LOST, "no capacity")


def test_the_record_keeps_the_instance_the_launch_and_the_boot() -> None:
    state, _ = play(
        run_state({"vm-0": ["a"]}),
        [
            (1, shown(instance(launched=-3, instance_id="i-7"))),
            (9, Observation(statuses={"vm-0": status(boot_id="first")})),
            (10, Observation(statuses={"vm-0": status(boot_id="second")})),
        ],
    )
    record = state.vms["vm-0"]
    assert (record.instance_id, record.launched_at, record.boot_id) == ("i-7", at(-3), "first")


def test_a_vm_knows_best_how_long_it_slept_while_nobody_looked() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    story = [(1.0, LAUNCHED), (9.0, heard()), (20.0, asleep), (90.0, LAUNCHED)]
    told = Observation(statuses={"vm-0": replace(status(heartbeat=9), slept=101.5)})
    state, _ = play(run_state({"vm-0": ["a"]}), [*story, (91.0, told)])
    assert state.vms["vm-0"].slept == 101.5, "it had slept before, and nobody saw it"
    about = Observation(statuses={"vm-0": replace(status(heartbeat=9), slept=73.0)})
    state, _ = play(run_state({"vm-0": ["a"]}), [*story, (91.0, about)])
    assert state.vms["vm-0"].slept == 70.0


def test_a_vm_sleeps_from_when_to_when_the_cloud_tells_however_late_that_is_seen() -> None:
    asleep = replace(instance(state=InstanceState.STOPPED, reason="hibernated"), stopped_at=at(14))
    back = replace(instance(), started_at=at(75))
    story = [(1.0, LAUNCHED), (9.0, heard()), (20.0, shown(asleep)), (90.0, shown(back))]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.vms["vm-0"].slept == 61.0
    # What the cloud tells is of a start before the sleep: it is of no use.
    early = replace(instance(), started_at=at(2))
    state, _ = play(run_state({"vm-0": ["a"]}), [*story[:3], (90.0, shown(early))])
    assert state.vms["vm-0"].slept == 76.0


def test_a_vm_is_told_to_stop_before_it_is_told_to_hibernate() -> None:
    stops = shown(instance(state=InstanceState.STOPPING, address=None))
    story = [(1.0, LAUNCHED), (9.0, heard()), (20.0, stops)]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.vms["vm-0"].state is VmState.STOPPING

    for told_as in (InstanceState.STOPPING, InstanceState.STOPPED):
        hibernates = shown(instance(state=told_as, address=None, reason="hibernated"))
        state, _ = play(run_state({"vm-0": ["a"]}), [*story, (21.0, hibernates), (30.0, shown(instance()))])
        assert state.vms["vm-0"].state is VmState.RESUMED


def test_a_sleep_that_only_the_clouds_events_tell_of_counts() -> None:
    stopping, running = InstanceState.STOPPING, InstanceState.RUNNING
    unseen = Observation(events=(told(stopping, 12), told(InstanceState.STOPPED, 14), told(running, 40)))
    state, _ = play(run_state({"vm-0": ["a"]}), [(1, LAUNCHED), (9, heard()), (41, unseen)])
    assert (state.vms["vm-0"].state, state.vms["vm-0"].slept) == (VmState.READY, 28.0)


def test_a_sleep_that_is_seen_and_told_of_counts_once() -> None:
    asleep = replace(instance(state=InstanceState.STOPPED, reason="hibernated"), stopped_at=at(14))
    back = replace(instance(), started_at=at(75))
    falls = replace(shown(asleep), events=(told(InstanceState.STOPPING, 14),))
    wakes = replace(shown(back), events=(told(InstanceState.PENDING, 75), told(InstanceState.RUNNING, 77)))
    story = [(1.0, LAUNCHED), (9.0, heard()), (20.0, falls), (90.0, wakes)]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.vms["vm-0"].slept == 61.0


def test_a_sleep_before_the_first_look_counts_when_the_vm_was_asleep_again_at_that_look() -> None:
    asleep = replace(instance(state=InstanceState.STOPPED, reason="hibernated"), stopped_at=at(30))
    earlier = (told(InstanceState.STOPPING, 5), told(InstanceState.RUNNING, 20))
    late = replace(shown(asleep), events=(*earlier, told(InstanceState.STOPPING, 30)))
    back = replace(instance(), started_at=at(50))
    wakes = replace(shown(back), events=(told(InstanceState.RUNNING, 50),))
    state, _ = play(run_state({"vm-0": ["a"]}), [(40, late), (55, wakes)])
    assert state.vms["vm-0"].slept == 35.0


def test_a_vm_that_was_up_between_two_sleeps_while_nobody_looked_did_not_sleep_then() -> None:
    asleep = replace(instance(state=InstanceState.STOPPED, reason="hibernated"), stopped_at=at(14))
    again = replace(asleep, stopped_at=at(30))
    falls = replace(shown(asleep), events=(told(InstanceState.STOPPING, 14),))
    between = (
        told(InstanceState.PENDING, 20),
        told(InstanceState.RUNNING, 21),
        told(InstanceState.STOPPING, 30),
    )
    unseen = Observation(events=between, news={"vm-0": again})
    wakes = replace(shown(replace(instance(), started_at=at(50))), events=(told(InstanceState.RUNNING, 50),))
    story = [(1.0, LAUNCHED), (9.0, heard()), (15.0, falls), (40.0, unseen), (51.0, wakes)]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.vms["vm-0"].slept == 26.0


def test_a_vm_that_sleeps_at_two_looks_far_apart_may_have_been_up_between_them() -> None:
    asleep = replace(instance(state=InstanceState.STOPPED, reason="hibernated"), stopped_at=at(14))
    back = replace(instance(), started_at=at(50))
    stopping, running = InstanceState.STOPPING, InstanceState.RUNNING
    events = (told(stopping, 14), told(running, 20), told(stopping, 30), told(running, 50))
    late = [(52.0, shown(back)), (53.0, Observation(events=events))]
    state, _ = play(run_state({"vm-0": ["a"]}), [(1.0, LAUNCHED), (15.0, shown(asleep)), *late])
    assert state.vms["vm-0"].slept == 26.0


def test_what_a_predecessor_has_heard_already_counts_once() -> None:
    sleep = (told(InstanceState.STOPPING, 12), told(InstanceState.RUNNING, 40))
    story = [
        (1.0, LAUNCHED),
        (9.0, heard()),
        (41.0, Observation(events=sleep)),
        (43.0, Observation(events=sleep)),
    ]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.vms["vm-0"].slept == 28.0


def test_one_vm_does_not_wait_for_another() -> None:
    state, _ = play(run_state({"vm-0": ["a"], "vm-1": ["b"]}), [(1, LAUNCHED), (5, heard()), (90, LAUNCHED)])
    assert [record.state for record in state.vms.values()] == [VmState.READY, VmState.LOST]
    assert state.tasks["b"].state is TaskState.FAILED
    assert state.tasks["a"].state is TaskState.WAITING
