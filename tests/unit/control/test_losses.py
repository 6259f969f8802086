"""What a controller with a policy makes of VMs and attempts that are not what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_hads.control import Action, ActionResult, Mission, Observation, TerminateVm, decide
from airflow_provider_hads.control.actions import LaunchVm
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.pace import Pace
from airflow_provider_hads.control.tasks import MOST_TRIES
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import Attempt, RunState, TaskState, VmState
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import (
    NOTHING,
    RULES,
    at,
    attempt,
    done,
    heard,
    instance,
    run_state,
    shown,
    silent,
    status,
)

BOTH = {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}
SMALL = InstanceType("small", 2, 4000, 10, BOTH, dict.fromkeys(BOTH, 5))
ENVIRONMENT = Environment({"small": SMALL}, dict.fromkeys(BOTH, 5))
JOB = Job("7", "", {task_id: Task(task_id, "true", 100, {"small": 20}) for task_id in "ab"})
MISSION = Mission(JOB, ENVIRONMENT, boot=10)


def first(plan: dict[str, Sequence[str]] | None = None) -> RunState:
    """Return a first state in which the plan's tasks wait in its VMs' queues."""
    state = run_state(plan or {"vm-0": ["a", "b"]})
    queued = {
        task_id: replace(
            state.tasks[task_id],
            state=TaskState.STAGED,
            attempts=(Attempt(f"{task_id}.1", vm.id, AttemptState.QUEUED, ordered_at=0),),
        )
        for vm in state.vms.values()
        for task_id in vm.task_ids
    }
    return replace(state, tasks=queued)


def play(state: RunState, *steps: tuple[float, Observation]) -> tuple[RunState, tuple[Action, ...]]:
    actions: tuple[Action, ...] = ()
    for seconds, observation in steps:
        state, actions = decide(state, observation, at(seconds), RULES, MISSION)
    return state, actions


UNPLANNED = replace(run_state({"vm-0": ["a", "b"]}), vms={})
RUNS = (attempt("a", AttemptState.RUNNING, ran=3), attempt("b", AttemptState.QUEUED))
WORKING = [(1.0, shown(instance())), (12.0, heard("vm-0", *RUNS))]


def test_an_attempt_that_could_not_be_run_is_tried_again_but_not_for_ever() -> None:
    state, _ = play(first(), *WORKING)
    failed: list[Attempt] = []
    for number in range(1, MOST_TRIES + 1):
        assert not state.tasks["a"].state.ended
        broken = attempt("a", AttemptState.FAILED, number=number, error="no such image")
        others = [one for one in failed if one.id != broken.attempt_id]
        state, _ = play(state, (20.0 + number, heard("vm-0", broken, RUNS[1])))
        failed = [*others, *state.tasks["a"].attempts]
    assert state.tasks["a"].state is TaskState.FAILED
    assert state.tasks["a"].reason == "could not be run on vm-0: no such image"


def test_a_tasks_own_exit_code_is_not_tried_again() -> None:
    state, _ = play(first(), *WORKING, (20, heard("vm-0", attempt("a", AttemptState.FAILED, exit_code=3))))
    assert state.tasks["a"].state is TaskState.FAILED


def test_an_attempt_that_its_vm_does_not_have_waits_again() -> None:
    state, _ = play(first(), *WORKING, (20.0, heard("vm-0", RUNS[0])))
    assert state.tasks["b"].attempts[0].error == "vm-0 does not have it"
    assert state.tasks["b"].attempts[0].state is AttemptState.CANCELLED


def test_after_another_boot_what_ran_is_interrupted_and_what_waited_is_kept() -> None:
    rebooted = Observation(statuses={"vm-0": status(*RUNS, boot_id="boot-2")})
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    state, _ = play(first(), *WORKING, (20, asleep), (30, shown(instance())), (32, rebooted))
    assert state.tasks["a"].attempts[0].error == "interrupted: vm-0 came back without its memory"
    assert state.tasks["b"].attempts[0].state is AttemptState.QUEUED
    assert state.vms["vm-0"].boot_id == "boot-2"


def test_after_a_resume_with_its_memory_everything_goes_on() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    state, _ = play(first(), *WORKING, (20, asleep), (30, shown(instance())), (32, heard("vm-0", *RUNS)))
    assert [task.state for task in state.tasks.values()] == [TaskState.RUNNING, TaskState.STAGED]
    assert state.vms["vm-0"].resumes == 1


def test_a_silent_vm_that_runs_is_given_up_in_time_and_ended() -> None:
    quiet = [(seconds, silent()) for seconds in (20.0, 100.0, 190.0)]
    state, _ = play(first(), *WORKING, *quiet)
    assert state.vms["vm-0"].state is VmState.READY, "it may only be slow"
    state, actions = play(state, (200.0, silent()))
    assert state.vms["vm-0"].state is VmState.LOST
    assert state.vms["vm-0"].reason == "silent for 180 s, though it runs: no route to host"
    assert state.tasks["a"].attempts[0].error.startswith("interrupted: silent for 180 s")
    assert [(one.vm_id, one.reason.value) for one in actions if isinstance(one, TerminateVm)] == [
        ("vm-0", "given-up")
    ]


def test_what_was_given_up_counts_against_the_limits_until_it_has_ended() -> None:
    one = Environment({"small": SMALL}, dict.fromkeys(BOTH, 1))
    mission = replace(MISSION, environment=one)

    def launched(state: RunState, *steps: tuple[float, Observation]) -> tuple[RunState, list[Market]]:
        markets: list[Market] = []
        for seconds, observation in steps:
            state, actions = decide(state, observation, at(seconds), RULES, mission)
            markets += [one.market for one in actions if isinstance(one, LaunchVm)]
        return state, markets

    quiet = [(seconds, silent()) for seconds in (20.0, 100.0, 190.0, 200.0, 210.0)]
    state, markets = launched(first(), *WORKING, *quiet)
    assert state.vms["vm-0"].state is VmState.LOST
    assert Market.SPOT not in markets, "the cloud still runs it"
    state, markets = launched(state, (220.0, done("terminate/vm-0")))
    assert state.vms["vm-0"].state is VmState.TERMINATED
    assert markets == [Market.SPOT]


def test_a_successor_takes_a_launch_that_was_refused_for_no_news() -> None:
    refused = [(1.0, Observation(results=(ActionResult("launch/vm-0", "no capacity", capacity=True),)))]
    state, _ = play(UNPLANNED, (0.0, NOTHING), *refused)
    on_demand = replace(state.vms["vm-0"], market=Market.ON_DEMAND)
    state = replace(state, vms={"vm-0": on_demand}, safe_until=500.0)
    assert Ledger(state, RULES, MISSION).safe_until == 500.0


def test_what_was_given_up_and_is_shown_no_more_has_ended() -> None:
    quiet = [(seconds, silent()) for seconds in (20.0, 100.0, 190.0, 200.0)]
    state, _ = play(first(), *WORKING, *quiet, (300.0, shown()))
    assert state.vms["vm-0"].state is VmState.TERMINATED
    assert state.vms["vm-0"].reason.startswith("silent for 180 s")
    assert state.vms["vm-0"].ended_at == 300.0, "until then it may have been paid for"


def test_an_instance_that_a_spot_request_has_launched_anew_is_ended_and_its_work_runs_elsewhere() -> None:
    followed = shown(instance(instance_id="i-2"))
    state, actions = play(first(), *WORKING, (20, followed))
    assert state.vms["vm-0"].state is VmState.LOST
    assert [one.reason.value for one in actions if isinstance(one, TerminateVm)] == ["given-up"]
    assert state.tasks["a"].attempts[0].error.startswith("interrupted: i-vm-0 has ended")
    ended = shown(instance(state=InstanceState.TERMINATED))
    state, actions = play(first(), *WORKING, (20, ended), (40, followed))
    assert state.vms["vm-0"].state is VmState.TERMINATED
    assert [one.reason.value for one in actions if isinstance(one, TerminateVm)] == ["launched-in-its-place"]


def test_a_silent_vm_that_is_hibernated_is_waited_for() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    state, _ = play(first(), *WORKING, (20.0, silent()), (21.0, asleep), (400.0, asleep))
    assert state.vms["vm-0"].state is VmState.HIBERNATED


def test_one_silence_after_a_controllers_outage_proves_nothing() -> None:
    state, _ = play(first(), *WORKING, (600.0, silent()))
    assert state.vms["vm-0"].state is VmState.READY


def test_a_vm_whose_launch_was_answered_by_an_error_but_is_there_is_adopted() -> None:
    state = first()
    refused = {"vm-0": replace(state.vms["vm-0"], state=VmState.LOST, reason="not launched: InternalError")}
    state, _ = play(replace(state, vms=refused), (1.0, shown(instance())))
    assert state.vms["vm-0"].state is VmState.BOOTING
    assert state.vms["vm-0"].reason == ""


def test_it_is_adopted_too_if_it_is_asleep_when_it_is_first_seen() -> None:
    state = first()
    refused = {"vm-0": replace(state.vms["vm-0"], state=VmState.LOST, reason="not launched: InternalError")}
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    state, _ = play(replace(state, vms=refused), (1.0, asleep), (2.0, asleep))
    assert state.vms["vm-0"].state is VmState.HIBERNATED
    assert state.vms["vm-0"].instance_id == "i-vm-0"


def test_a_vm_that_the_cloud_took_an_order_for_and_never_shows_is_given_up() -> None:
    state, actions = play(UNPLANNED, (1.0, shown()))
    launched = next(one for one in actions if isinstance(one, LaunchVm))
    state, _ = play(state, (2.0, done(launched.key)), (30.0, shown()))
    assert state.vms[launched.vm_id].state is VmState.LAUNCHING
    state, _ = play(state, (70.0, shown()))
    assert state.vms[launched.vm_id].state is VmState.TERMINATED


def test_a_type_whose_vms_never_come_to_work_is_not_asked_for_for_a_while() -> None:
    plan: dict[str, Sequence[str]] = {"vm-0": ["a"], "vm-1": ["b"]}
    both = shown(instance("vm-0"), instance("vm-1"))
    other_host = replace(silent("vm-0").silences["vm-0"], hopeless=True)
    state, _ = play(first(plan), (1.0, both), (5.0, Observation(silences={"vm-0": other_host})))
    assert state.pauses == {}, "one may be bad luck"
    state, _ = play(state, (6.0, Observation(silences={"vm-1": other_host})))
    assert state.pauses == {"small/spot": 36.0}


def test_without_a_way_out_it_looks_again_when_there_may_be_vms_again() -> None:
    pauses = {"small/spot": 50.0, "small/on-demand": 80.0}
    state, actions = play(replace(UNPLANNED, pauses=pauses), (1.0, NOTHING))
    assert not any(isinstance(one, LaunchVm) for one in actions)
    assert state.wake_at == 50
    _, actions = play(state, (51.0, NOTHING))
    assert any(isinstance(one, LaunchVm) for one in actions)


def test_an_idle_vm_whose_end_has_failed_is_ended_when_it_may_be_tried_again() -> None:
    state = first({"vm-0": ["a"], "vm-1": ["b"]})
    works, idle = heard("vm-0", RUNS[0]), heard("vm-1", attempt("b", AttemptState.FINISHED))
    launched = shown(instance(), instance("vm-1"))
    state, _ = play(state, (1.0, launched), (12.0, works), (13.0, idle), (14.0, done("publish/b")))
    assert "terminate/vm-1" in state.pending
    state, actions = play(state, (15.0, done("terminate/vm-1", error="RequestLimitExceeded")))
    assert actions == ()
    assert state.wake_at == 16, "nothing else may happen for long"
    _, actions = play(state, (16.0, NOTHING))
    assert [one.key for one in actions] == ["terminate/vm-1"]


def test_a_lost_on_demand_vm_makes_the_way_out_be_planned_anew() -> None:
    state = first({"vm-0": ["a"], "vm-1": ["b"]})
    vms = {vm.id: replace(vm, market=Market.ON_DEMAND) for vm in state.vms.values()}
    both = {vm_id: replace(instance(vm_id), market=Market.ON_DEMAND) for vm_id in vms}
    works = Observation(
        statuses={
            "vm-0": status(attempt("a", AttemptState.RUNNING, ran=3)),
            "vm-1": status(attempt("b", AttemptState.RUNNING, ran=3)),
        }
    )
    state, _ = play(replace(state, vms=vms), (1.0, Observation(fleet=both)), (12.0, works))
    assert state.safe_until == float("inf"), "on-demand VMs have everything in hand"
    gone = replace(both["vm-1"], state=InstanceState.TERMINATED, address=None)
    state, _ = play(state, (20.0, Observation(fleet={**both, "vm-1": gone})))
    assert state.tasks["b"].state in (TaskState.WAITING, TaskState.STAGED)
    assert state.safe_until is not None
    assert state.safe_until < float("inf") or state.tasks["b"].state is TaskState.STAGED


def test_tasks_that_are_quicker_than_estimated_are_no_reason_for_caution() -> None:
    pace = Pace()
    for _ in range(3):
        pace.add(0.01)
    assert pace.mean < 0.1
    assert pace.careful == 1
    pace.add(3.0)
    assert pace.careful > pace.mean
