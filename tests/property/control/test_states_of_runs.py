"""In whole runs, whatever the cloud refuses, VMs and tasks change their states as the tables allow."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hads.control.actions import Action
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import ActionResult, Observation
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.control.transitions import TASK_TRANSITIONS, VM_TRANSITIONS
from airflow_provider_hads.model import Job, Market
from airflow_provider_hads.model.run_state import VmRecord, VmState
from airflow_provider_hads.simulation import OnLoss, Scope, Setting
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.simulated_jobs import environment, job, plan_if_any, planners
from tests.support.state_changes import reachable

SOLD_OUT = 0.05
"""Share of the steps after which a spot type is sold out, or to be had again."""

rates = st.sampled_from([0.0, 1 / 500, 1 / 100, 1 / 30])
worlds = st.builds(
    Setting,
    hibernation_rate=rates,
    resume_rate=rates,
    scope=st.sampled_from(Scope),
    on_loss=st.sampled_from(OnLoss),
    boot=st.just(60.0),
    checkpoint=st.sampled_from([None, 40.0]),
    estimate_error=st.sampled_from([0.0, 0.3, 2.0]),
    notice=st.sampled_from([0.0, 30.0]),
    seed=st.integers(0, 10**6),
)
jobs = st.lists(st.integers(5, 400).map(float), min_size=1, max_size=12).map(lambda runtimes: job(*runtimes))


class WatchedRun(HandDrivenRun):
    """A run of which every step is looked at, and whose cloud sells out and loses answers.

    What is done, but said to have failed, shows itself later all the same: a VM that was given up, say.

    :param lost: share of the answers that are lost.
    """

    def __init__(
        self, mission: Mission, deadline: float, setting: Setting, vms: tuple[VmRecord, ...], lost: float
    ) -> None:
        self._random = Random(setting.seed)
        self._lost = lost
        super().__init__(mission, deadline, setting, vms)

    def _step(self, seen: Observation) -> list[Action]:
        vms = {vm.id: vm.state for vm in self.ledger.vms.values()}
        tasks = {task.id: task.state for task in self.ledger.tasks.values()}
        actions = super()._step(replace(seen, results=tuple(map(self._answer, seen.results))))
        for vm in self.ledger.vms.values():
            known = vms.get(vm.id, VmState.LAUNCHING)
            assert vm.state in reachable(VM_TRANSITIONS, known), f"{vm.id} is {vm.state}, it was {known}"
        for task in self.ledger.tasks.values():
            was = tasks[task.id]
            assert task.state in reachable(TASK_TRANSITIONS, was), f"{task.id} is {task.state}, it was {was}"
        if self._random.random() < SOLD_OUT:
            self.cloud.sold_out ^= {(self._random.choice(("small", "big")), Market.SPOT)}
        return actions

    def _answer(self, result: ActionResult) -> ActionResult:
        kind, _, _ = result.key.partition("/")
        is_lost = kind in ("launch", "assign", "publish", "terminate") and self._random.random() < self._lost
        return ActionResult(result.key, "timed out") if is_lost and not result.error else result


@settings(deadline=None, max_examples=200)
@given(
    jobs,
    worlds,
    st.sampled_from(policy_names()),
    st.floats(1.0, 3.0),
    planners,
    st.booleans(),
    st.sampled_from([0.0, 0.2]),
)
def test_every_change_of_a_state_is_one_that_its_table_allows(
    the_job: Job,
    world: Setting,
    policy: str,
    slack: float,
    planner: str | None,
    burstable: bool,
    lost: float,
) -> None:
    mission = Mission(the_job, environment(limit=2, burstable=burstable), policy, boot=60.0)
    deadline = slack * (fastest_seconds(mission) + mission.safety)
    run = WatchedRun(mission, deadline, world, plan_if_any(mission, deadline, planner), lost)
    run.finish()
    assert run.ledger.ended
