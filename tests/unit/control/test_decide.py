"""What the controller wants done, and when it stops wanting it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control import DeployVm, Observation, PublishResults, Reason, RenewLease, decide
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import Attempt, Setback, TaskState
from airflow_provider_hads.model.runner import AttemptState
from tests.support.control_examples import (
    DEADLINE,
    NOTHING,
    RESULT,
    RULES,
    at,
    attempt,
    done,
    heard,
    instance,
    play,
    run_state,
    shown,
    silent,
    status,
)

LAUNCHED = (1.0, shown(instance()))
FINISHED = heard("vm-0", attempt("a", AttemptState.FINISHED))
PUBLISH = PublishResults("a", "a.1", (RESULT,))


def wanted(*steps: tuple[float, Observation]) -> list[object]:
    """Return the last step's actions in a run of tasks a and b on one VM."""
    return list(play(run_state({"vm-0": ["a", "b"]}), [LAUNCHED, *steps])[1])


def running(task_id: str) -> Observation:
    return heard("vm-0", attempt(task_id, AttemptState.RUNNING))


@pytest.mark.parametrize("order", [1, -1])
def test_a_vm_without_a_runner_is_deployed_with_its_tasks_in_the_order_of_the_plan(order: int) -> None:
    plan = ["a", "b"][::order]
    _, actions = play(run_state({"vm-0": plan}), [LAUNCHED, (9, silent(undeployed=True))])
    assert actions == (DeployVm("vm-0", tuple(plan), Reason.VM_WITHOUT_RUNNER),)


def test_a_vm_that_was_hibernated_before_its_deployment_is_deployed_when_it_is_back() -> None:
    asleep = shown(instance(state=InstanceState.STOPPED, reason="hibernated"))
    story = [(1.0, asleep), (50.0, shown(instance())), (52.0, silent(undeployed=True))]
    _, actions = play(run_state({"vm-0": ["a"]}), story)
    assert actions == (DeployVm("vm-0", ("a",), Reason.VM_WITHOUT_RUNNER),)


def test_a_vm_that_is_only_not_reached_yet_is_left_alone() -> None:
    assert wanted((9, silent())) == []


def test_tasks_that_are_missing_in_a_queue_are_put_there() -> None:
    assert wanted((9, running("a"))) == [DeployVm("vm-0", ("b",), Reason.TASKS_NOT_QUEUED)]
    everything = heard(
        "vm-0", attempt("a", AttemptState.RUNNING), attempt("b", AttemptState.QUEUED), expires=9999
    )
    assert wanted((9, everything)) == []


def beating(heartbeat: int) -> Observation:
    work = attempt("a", AttemptState.RUNNING), attempt("b", AttemptState.QUEUED)
    return Observation(statuses={"vm-0": status(*work, heartbeat=heartbeat)})


def test_a_runner_that_stands_still_is_started_again() -> None:
    """``exchange`` answers from the VM's files, also when the loop that works has died."""
    again = [DeployVm("vm-0", (), Reason.RUNNER_STANDS_STILL)]
    assert wanted((10, beating(7)), (70, beating(7))) == []
    assert wanted((10, beating(7)), (71, beating(7))) == again
    assert wanted((10, beating(7)), (60, beating(8)), (71, beating(8))) == []


def test_a_runner_that_was_started_again_has_the_whole_time_to_go_on() -> None:
    started = Observation(statuses=beating(7).statuses, results=done("deploy/vm-0").results)
    still = [(10.0, beating(7)), (71.0, beating(7)), (80.0, started)]
    assert wanted(*still, (130, beating(7))) == []
    assert wanted(*still, (141, beating(7))) == [DeployVm("vm-0", (), Reason.RUNNER_STANDS_STILL)]


def test_a_resumed_vm_may_show_the_heartbeat_it_was_frozen_with() -> None:
    frozen, back = shown(instance(state=InstanceState.STOPPED)), shown(instance())
    story = [(10.0, beating(7)), (20.0, frozen), (500.0, back)]
    assert wanted(*story, (501, beating(7))) == []


def test_results_are_published_while_their_vm_is_ready_or_gone() -> None:
    assert PUBLISH in wanted((9, FINISHED))


def test_what_is_pending_is_not_asked_for_again() -> None:
    assert wanted((9, FINISHED), (10, FINISHED), (11, NOTHING)) == []


def test_a_task_with_two_finished_attempts_has_one_publication_at_a_time() -> None:
    twice = heard("vm-0", attempt("a", AttemptState.FINISHED), attempt("a", AttemptState.FINISHED, number=2))
    assert [action for action in wanted((9, twice)) if isinstance(action, PublishResults)] == [PUBLISH]
    assert PUBLISH not in wanted((9, FINISHED), (10, twice))


def test_what_has_failed_is_asked_for_again_after_a_pause_that_doubles() -> None:
    no_bucket = done("publish/a", error="the bucket does not answer")
    assert wanted((9, FINISHED), (10, no_bucket)) == []
    assert wanted((9, FINISHED), (10, no_bucket), (10.9, NOTHING)) == []
    assert wanted((9, FINISHED), (10, no_bucket), (11, NOTHING)) == [PUBLISH]
    twice = [(9.0, FINISHED), (10.0, no_bucket), (11.0, NOTHING), (12.0, no_bucket)]
    assert wanted(*twice, (13.9, NOTHING)) == []
    assert wanted(*twice, (14, NOTHING)) == [PUBLISH]


def test_no_pause_is_longer_than_a_minute() -> None:
    state, _ = play(run_state({"vm-0": ["a"]}), [LAUNCHED, (9, FINISHED)])
    for attempts in range(1, 1200):
        state, _ = play(state, [(100, done("publish/a", error="no bucket"))])
        assert state.setbacks["publish/a"] == Setback(attempts, 100 + min(60, 2 ** min(attempts - 1, 6)))


def test_a_success_ends_the_pauses() -> None:
    deploy = [(9.0, silent(undeployed=True)), (10.0, done("deploy/vm-0", error="no space"))]
    state, _ = play(run_state({"vm-0": ["a"]}), [LAUNCHED, *deploy])
    assert list(state.setbacks) == ["deploy/vm-0"]
    state, _ = play(state, [(20, silent(undeployed=True)), (30, done("deploy/vm-0"))])
    assert state.setbacks == {}


def test_a_successor_asks_for_what_its_predecessor_had_pending() -> None:
    state, _ = play(run_state({"vm-0": ["a", "b"]}), [LAUNCHED, (9, FINISHED)])
    _, actions = decide(replace(state, pending=()), NOTHING, at(10), RULES)
    assert PUBLISH in actions


def test_a_result_of_the_predecessors_last_action_counts() -> None:
    """Its publication went through after all; nothing in this controller's state knows of it."""
    state, _ = play(run_state({"vm-0": ["a"]}), [LAUNCHED, (9, FINISHED)])
    state, actions = decide(replace(state, pending=()), done("publish/a"), at(10), RULES)
    assert state.tasks["a"].state is TaskState.FINISHED
    assert actions == ()


def test_a_lease_is_renewed_when_half_of_the_margin_is_left() -> None:
    work = attempt("a", AttemptState.RUNNING), attempt("b", AttemptState.QUEUED)
    assert wanted((100, heard("vm-0", *work, expires=400))) == []
    assert wanted((100, heard("vm-0", *work, expires=399))) == [RenewLease("vm-0", at(700))]


def test_no_lease_outlives_the_run() -> None:
    work = attempt("a", AttemptState.RUNNING), attempt("b", AttemptState.QUEUED)
    end = DEADLINE + RULES.margin
    assert wanted((1200, heard("vm-0", *work, expires=1201))) == [RenewLease("vm-0", at(end))]
    assert wanted((1590, heard("vm-0", *work, expires=end))) == []


def test_a_vm_whose_tasks_have_all_ended_may_go() -> None:
    over = (
        attempt("a", AttemptState.FAILED, exit_code=1),
        attempt("b", AttemptState.FAILED, exit_code=1),
    )
    state, actions = play(
        run_state({"vm-0": ["a", "b"], "vm-1": ["c"]}),
        [(1, shown(instance(), instance("vm-1"))), (100, heard("vm-0", *over, expires=101))],
    )
    assert actions == ()
    assert not state.ended


def test_a_vm_that_was_given_up_gets_nothing_more() -> None:
    assert wanted((301, silent()), (302, silent(undeployed=True))) == []


def test_a_missed_deadline_is_announced_and_work_goes_on() -> None:
    story = [LAUNCHED, (9.0, running("a"))]
    assert not play(run_state({"vm-0": ["a"]}), [*story, (1000, running("a"))])[0].deadline_missed
    late, _ = play(run_state({"vm-0": ["a"]}), [*story, (1001, running("a"))])
    assert late.deadline_missed
    assert late.tasks["a"].state is TaskState.RUNNING


def test_after_the_margin_what_is_unfinished_is_given_up() -> None:
    state = run_state({"vm-0": ["a", "b"]})
    story = [LAUNCHED, (9.0, FINISHED), (10.0, done("publish/a")), (1601.0, NOTHING)]
    state, actions = play(state, story)
    assert state.ended
    assert actions == ()
    assert state.tasks["a"].state is TaskState.FINISHED
    assert state.tasks["b"].reason == "given up 600 s after the deadline"
    assert state.tasks["b"].infrastructure


def test_who_is_given_up_says_what_went_wrong_last() -> None:
    state = run_state({"vm-0": ["a"]})
    failed = Attempt("a.1", "vm-0", AttemptState.FAILED, error="its results could not be uploaded: HTTP 404")
    state = replace(state, tasks={"a": replace(state.tasks["a"], attempts=(failed,))})

    state, _ = play(state, [LAUNCHED, (1601.0, NOTHING)])

    assert state.tasks["a"].reason == (
        "given up 600 s after the deadline; its results could not be uploaded: HTTP 404"
    )


def test_who_could_not_be_published_in_time_says_why() -> None:
    story = [LAUNCHED, (9.0, FINISHED), (10.0, done("publish/a", error="no bucket")), (1601.0, NOTHING)]
    state, _ = play(run_state({"vm-0": ["a"]}), story)
    assert state.tasks["a"].reason == (
        "given up 600 s after the deadline; its results are not published yet: no bucket"
    )


def test_a_job_that_ended_before_its_deadline_did_not_miss_it() -> None:
    story = [LAUNCHED, (9.0, FINISHED), (10.0, done("publish/a")), (5000.0, NOTHING)]
    assert not play(run_state({"vm-0": ["a"]}), story)[0].deadline_missed


def test_actions_of_one_vm_share_a_lane_and_publications_share_a_few() -> None:
    deploy = DeployVm("vm-0", ("a",), Reason.VM_WITHOUT_RUNNER)
    assert deploy.lane == RenewLease("vm-0", at(0)).lane == "vm/vm-0"
    lanes = {PublishResults(str(number), "x", ()).lane for number in range(500)}
    assert len(lanes) == 8
