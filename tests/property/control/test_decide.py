"""Whatever a controller sees, in whatever order, some things always hold."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.control import (
    Action,
    ActionResult,
    Observation,
    PublishResults,
    RenewLease,
    Silence,
    decide,
)
from airflow_provider_hads.control.transitions import TASK_TRANSITIONS, VM_TRANSITIONS
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.model.run_state import RunState, TaskState, VmState
from airflow_provider_hads.model.runner import AttemptState
from airflow_provider_hads.runtime.state_document import dump_state, load_state
from tests.support.control_examples import DEADLINE, NOTHING, RULES, at, attempt, instance, run_state, status
from tests.support.state_changes import reachable

PLAN = {"vm-0": ["a", "b"], "vm-1": ["c"]}
TASKS = ("a", "b", "c")
END = DEADLINE + RULES.margin

attempts = st.builds(
    attempt,
    st.sampled_from(TASKS),
    st.sampled_from(AttemptState),
    number=st.integers(1, 2),
    exit_code=st.sampled_from([None, 0, 1]),
    ran=st.floats(0, 100),
)
statuses = st.builds(
    lambda reported, expires: status(*reported, expires=expires),
    st.lists(attempts, max_size=4),
    st.floats(0, 3000),
)
silences = st.builds(Silence, st.just("timed out"), undeployed=st.booleans(), hopeless=st.booleans())
instances = st.builds(
    lambda state, launched, address: (state, launched, address),
    st.sampled_from(InstanceState),
    st.floats(0, 500),
    st.sampled_from([None, "10.0.0.1"]),
)
vm_ids = st.sampled_from(list(PLAN))
KEYS = [f"{kind}/{vm_id}" for kind in ("deploy", "lease") for vm_id in PLAN] + [f"publish/{t}" for t in TASKS]
results = st.builds(
    ActionResult, st.sampled_from(KEYS), error=st.sampled_from(["", "", "refused"]), hopeless=st.booleans()
)


def _fleet(described: dict[str, tuple[InstanceState, float, str | None]]) -> Observation:
    return Observation(
        fleet={
            vm_id: instance(vm_id, state, launched=launched, address=address)
            for vm_id, (state, launched, address) in described.items()
        }
    )


observations = st.one_of(
    st.just(NOTHING),
    st.dictionaries(vm_ids, instances).map(_fleet),
    st.builds(
        Observation,
        statuses=st.dictionaries(vm_ids, statuses),
        silences=st.dictionaries(vm_ids, silences),
        results=st.lists(results, max_size=3).map(tuple),
    ),
)
histories = st.lists(st.tuples(st.floats(0, 200), observations), max_size=25)


def _check_step(before: RunState, seen: Observation, after: RunState, actions: Sequence[Action]) -> None:
    _check_transitions(before, after)
    _check_results(before, seen, after)
    keys = [action.key for action in actions]
    still_pending = set(before.pending) - {result.key for result in seen.results}
    assert len(set(keys)) == len(keys)
    assert not still_pending & set(keys), "an action was asked for again while it was pending"
    assert set(after.pending) == still_pending | set(keys)
    for action in actions:
        _check_action(after, action)


def _check_transitions(before: RunState, after: RunState) -> None:
    for vm in after.vms.values():
        known = before.vms[vm.id].state
        assert vm.state in reachable(VM_TRANSITIONS, known)
    for task in after.tasks.values():
        was = before.tasks[task.id]
        assert task.state in reachable(TASK_TRANSITIONS, was.state)
        if was.state.ended:
            assert (task.state, task.reason, task.infrastructure) == (
                was.state,
                was.reason,
                was.infrastructure,
            )
        for attempt_before, attempt_after in zip(was.attempts, task.attempts, strict=False):
            assert attempt_after.id == attempt_before.id
            assert not attempt_before.state.ended or attempt_after.state is attempt_before.state


def _check_results(before: RunState, seen: Observation, after: RunState) -> None:
    published = {result.key for result in seen.results if not result.error}
    for task in after.tasks.values():
        if task.state is TaskState.FINISHED and not before.tasks[task.id].state.ended:
            assert f"publish/{task.id}" in published
            assert not any(attempt.files for attempt in task.attempts)
        if task.state is TaskState.FAILED:
            assert task.reason


def _check_action(state: RunState, action: Action) -> None:
    if isinstance(action, PublishResults):
        task = state.tasks[action.task_id]
        assert not task.state.ended
        assert action.attempt_id in {
            attempt.id for attempt in task.attempts if attempt.state is AttemptState.FINISHED
        }
        return
    vm = state.vms[action.vm_id]
    assert vm.state in (VmState.BOOTING, VmState.READY)
    assert any(not state.tasks[task_id].state.ended for task_id in vm.task_ids)
    if isinstance(action, RenewLease):
        assert action.expiry <= at(END)


@given(histories)
def test_no_sequence_of_observations_breaks_the_rules(history: Sequence[tuple[float, Observation]]) -> None:
    state, now = run_state(PLAN), 0.0
    for pause, seen in history:
        now += pause
        before = state
        state, actions = decide(before, seen, at(now), RULES)
        _check_step(before, seen, state, actions)
        assert decide(before, seen, at(now), RULES) == (state, actions), "not deterministic"
        assert load_state(dump_state(state)) == state


@given(histories, st.floats(0.001, 10_000))
def test_every_run_ends_when_its_margin_is_over(
    history: Sequence[tuple[float, Observation]], late: float
) -> None:
    state, now = run_state(PLAN), 0.0
    for pause, seen in history:
        now += pause
        state, _ = decide(state, seen, at(now), RULES)
    state, actions = decide(state, NOTHING, at(max(now, END) + late), RULES)
    assert state.ended
    assert actions == ()


@given(histories)
def test_seeing_the_same_again_changes_nothing_but_the_pauses(
    history: Sequence[tuple[float, Observation]],
) -> None:
    """Looks may be repeated: a successor sees again what its predecessor has seen."""
    state, now = run_state(PLAN), 0.0
    for pause, seen in history:
        now += pause
        once = Observation(seen.fleet, seen.statuses, seen.silences)
        state, _ = decide(state, once, at(now), RULES)
        again, actions = decide(state, once, at(now), RULES)
        assert again.tasks == state.tasks
        assert {action.key for action in actions} <= set(again.pending) - set(state.pending)
