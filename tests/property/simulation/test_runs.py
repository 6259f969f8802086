"""Random worlds: the log is always sound, and a run that could be saved at its start is in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.model import Job, Task
from airflow_provider_hads.simulation import OnLoss, Outcome, Scope, Setting, simulate
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job, memories, plan_if_any, planners, sizes_for

rates = st.sampled_from([0.0, 1 / 2000, 1 / 500, 1 / 100])

worlds = st.builds(
    Setting,
    hibernation_rate=rates,
    resume_rate=rates,
    scope=st.sampled_from(Scope),
    on_loss=st.sampled_from(OnLoss),
    boot=st.just(60.0),
    checkpoint=st.sampled_from([None, 0.0, 40.0]),
    notice=st.sampled_from([0.0, 30.0, 120.0]),
    seed=st.integers(0, 10**6),
)

jobs = st.lists(st.integers(5, 400), min_size=1, max_size=30).map(lambda runtimes: job(*map(float, runtimes)))


def run(
    mission: Mission, slack: float, world: Setting, planner: str | None = None, *, pure: bool = False
) -> Outcome:
    """Simulate a run whose deadline is so many times the quickest on-demand plan's length."""
    deadline = slack * (fastest_seconds(mission) + mission.safety)
    vms = plan_if_any(mission, deadline, planner)
    return simulate(mission, deadline, world, events=True, pure=pure, vms=vms)


places = st.sampled_from([(), (), ("a", "b"), ("a", "b", "c")])
"""The zones that a run may use; mostly the cloud chooses."""

every_policy = pytest.mark.parametrize("policy", policy_names())


@every_policy
@settings(deadline=None, max_examples=200)
@given(
    jobs,
    worlds,
    st.floats(1.0, 4.0),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([0.9, 1.0, 1.2]),
    st.sampled_from([None, 12]),
    memories,
    planners,
    st.booleans(),
    places,
)
def test_the_log_is_sound_and_the_deadline_is_met(
    policy: str,
    the_job: Job,
    world: Setting,
    slack: float,
    limit: int,
    both: int,
    on_big: float,
    vcpu_limit: int | None,
    memory: float | Sequence[float],
    planner: str | None,
    burstable: bool,
    zones: tuple[str, ...],
) -> None:
    runtimes = [task.runtimes["small"] for task in the_job.tasks.values()]
    bag = job(*runtimes, memory=sizes_for(policy, memory), on_big=on_big)
    kinds = environment(limit=limit, both=both, burstable=burstable)
    mission = Mission(bag, kinds, policy, boot=60.0, vcpu_limit=vcpu_limit)
    mission = replace(mission, keeps_progress=world.checkpoint == 0, zones=zones)
    outcome = run(mission, slack, world, planner)
    assert check_log(outcome.events, bag, mission.environment, vcpu_limit=vcpu_limit, boot=60.0) == []
    assert outcome.deadline_met


sizes = st.tuples(st.integers(5, 400), st.sampled_from([100.0, 300.0, 900.0, 1500.0, 2500.0, 3900.0]))


def mixed_job(tasks: list[tuple[int, float]]) -> Job:
    """Return a job of tasks of so many seconds and MB."""
    made = {}
    for number, (seconds, memory) in enumerate(tasks):
        runtimes = {"small": float(seconds), "big": 0.9 * seconds}
        made[str(number)] = Task(str(number), "true", memory, runtimes)
    return Job("7", "mixed", made)


@pytest.mark.parametrize("policy", [name for name in policy_names() if name != "on-demand-only"])
@settings(deadline=None, max_examples=100)
@given(
    st.lists(sizes, min_size=1, max_size=20).map(mixed_job),
    worlds,
    st.floats(1.0, 4.0),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1000.0, 4000.0]),
)
def test_the_deadline_is_met_where_memory_decides_which_tasks_run_at_once(
    policy: str, bag: Job, world: Setting, slack: float, limit: int, memory_of_small: float
) -> None:
    both = environment(limit=limit)
    small = replace(both.instance_types["small"], memory=memory_of_small)
    types = replace(both, instance_types={**both.instance_types, "small": small})
    mission = Mission(bag, types, policy, boot=60.0, keeps_progress=world.checkpoint == 0)
    outcome = run(mission, slack, world)
    assert check_log(outcome.events, bag, types, boot=60.0) == []
    assert outcome.deadline_met


@pytest.mark.parametrize("policy", [name for name in policy_names() if name != "on-demand-only"])
@settings(deadline=None, max_examples=100)
@given(
    st.lists(sizes, min_size=1, max_size=20).map(mixed_job),
    worlds,
    st.floats(0.2, 1.2),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([None, 4, 12]),
)
def test_no_miss_is_said_of_a_deadline_that_is_met(
    policy: str, bag: Job, world: Setting, slack: float, limit: int, vcpu_limit: int | None
) -> None:
    kept = world.checkpoint == 0
    mission = Mission(
        bag, environment(limit=limit), policy, boot=60.0, keeps_progress=kept, vcpu_limit=vcpu_limit
    )
    outcome = run(mission, slack, world)
    assert check_log(outcome.events, bag, mission.environment, vcpu_limit=vcpu_limit, boot=60.0) == []
    assert not outcome.deadline_met or outcome.miss_said_at is None


@every_policy
@settings(deadline=None, max_examples=60)
@given(jobs, worlds, st.floats(1.0, 3.0), st.sampled_from([0.0, 0.3]), planners, st.booleans(), places)
def test_a_controller_that_is_restarted_at_every_step_decides_the_same(
    policy: str,
    the_job: Job,
    world: Setting,
    slack: float,
    estimate_error: float,
    planner: str | None,
    burstable: bool,
    zones: tuple[str, ...],
) -> None:
    mission = Mission(the_job, environment(burstable=burstable), policy, boot=60.0, zones=zones)
    world = replace(world, estimate_error=estimate_error)
    closed, open_all_along = (run(mission, slack, world, planner, pure=pure) for pure in (True, False))
    assert closed.events == open_all_along.events


@every_policy
@settings(deadline=None, max_examples=60)
@given(jobs, worlds, st.floats(1.0, 3.0), planners, st.booleans())
def test_whatever_the_estimates_every_task_is_done_once_and_no_vm_is_left(
    policy: str, the_job: Job, world: Setting, slack: float, planner: str | None, burstable: bool
) -> None:
    mission = Mission(the_job, environment(burstable=burstable), policy, boot=60.0)
    outcome = run(mission, slack, replace(world, estimate_error=0.3), planner)
    assert check_log(outcome.events, the_job, mission.environment, right_estimates=False) == []
    finished = [event["task"] for event in outcome.events if event["event"] == "task_finished"]
    assert sorted(finished) == sorted(the_job.tasks) or not outcome.deadline_met
