"""Whatever the cloud does, in whatever order, and whenever the controller is restarted."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.control.policies import policy_names
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import TaskState
from airflow_provider_hads.simulation import Setting
from airflow_provider_hads.simulation.machine import Machine, Phase
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job, memories, plan_if_any, planners, sizes_for

BOOT = 60.0
VCPU_LIMIT = 16

runtimes = st.lists(st.integers(5, 400).map(float), min_size=1, max_size=16)
spot_types = st.sampled_from(["small", "big"])
AWAKE = (Phase.BOOTING, Phase.UP)


class AnyOrder(RuleBasedStateMachine):
    """A run of which hypothesis is the cloud."""

    @initialize(
        runtimes=runtimes,
        policy=st.sampled_from(policy_names()),
        slack=st.floats(1.0, 3.0),
        checkpoint=st.sampled_from([None, 0.0, 40.0]),
        estimate_error=st.sampled_from([0.0, 0.0, 0.3]),
        memory=memories,
        planner=planners,
        burstable=st.booleans(),
        ending=st.sampled_from([0.0, 0.0, 5.0, 15.0]),
        zones=st.sampled_from([(), ("a", "b")]),
    )
    def open_run(
        self,
        runtimes: list[float],
        policy: str,
        slack: float,
        checkpoint: float | None,
        estimate_error: float,
        memory: float | Sequence[float],
        planner: str | None,
        burstable: bool,
        ending: float,
        zones: tuple[str, ...],
    ) -> None:
        bag = job(*runtimes, memory=sizes_for(policy, memory))
        mission = Mission(
            bag,
            environment(limit=3, both=5, burstable=burstable),
            policy,
            boot=BOOT,
            vcpu_limit=VCPU_LIMIT,
            keeps_progress=checkpoint == 0,
            zones=zones,
        )
        self.right_estimates = estimate_error == 0
        self.had_on_demand = True
        deadline = slack * (fastest_seconds(mission) + mission.safety)
        world = Setting(boot=BOOT, checkpoint=checkpoint, estimate_error=estimate_error)
        vms = plan_if_any(mission, deadline, planner)
        self.run = HandDrivenRun(mission, deadline, world, vms, ending=ending)

    @rule(seconds=st.floats(0.1, 120.0))
    def time_passes(self, seconds: float) -> None:
        self.run.pass_time(seconds)

    @precondition(lambda self: self.run.machines(*AWAKE))
    @rule(data=st.data(), all_of_its_type=st.booleans())
    def vms_hibernate(self, data: st.DataObject, all_of_its_type: bool) -> None:
        struck = self._struck(data, all_of_its_type, *AWAKE)
        self.run.cloud.interrupt(struck, self.run.cloud.now)
        self.run.settle()

    @precondition(lambda self: self.run.machines(Phase.ASLEEP))
    @rule(data=st.data(), all_of_its_type=st.booleans())
    def vms_resume(self, data: st.DataObject, all_of_its_type: bool) -> None:
        self.run.cloud.resume(self._struck(data, all_of_its_type, Phase.ASLEEP), self.run.cloud.now)
        self.run.settle()

    @precondition(lambda self: self.run.machines(*AWAKE))
    @rule(data=st.data())
    def a_zone_is_lost(self, data: st.DataObject) -> None:
        awake = self.run.machines(*AWAKE)
        zone = data.draw(st.sampled_from(sorted({one.shown.zone for one in awake})))
        self.run.cloud.interrupt([one for one in awake if one.shown.zone == zone], self.run.cloud.now)
        self.run.settle()

    @precondition(lambda self: self.run.machines(*AWAKE, Phase.ASLEEP))
    @rule(data=st.data(), notice=st.sampled_from([0.0, 0.0, 30.0, 120.0]))
    def a_vm_is_taken_away(self, data: st.DataObject, notice: float) -> None:
        vm = data.draw(st.sampled_from(self.run.machines(*AWAKE, Phase.ASLEEP)))
        self.run.cloud.take_away(vm, self.run.cloud.now, notice)
        self.run.settle()

    @rule(kind=spot_types)
    def spot_is_sold_out(self, kind: str) -> None:
        self.run.cloud.sold_out.add((kind, Market.SPOT))

    @rule(kind=spot_types)
    def one_zone_is_sold_out(self, kind: str) -> None:
        self.run.cloud.sold_out_zones.add((kind, "a"))

    @rule(kind=spot_types)
    def spot_is_back(self, kind: str) -> None:
        self.run.cloud.sold_out.discard((kind, Market.SPOT))
        self.run.cloud.sold_out_zones.discard((kind, "a"))

    @rule(kind=spot_types)
    def on_demand_is_sold_out(self, kind: str) -> None:
        self.run.cloud.sold_out.add((kind, Market.ON_DEMAND))
        self.had_on_demand = False

    @rule()
    def on_demand_is_back(self) -> None:
        self.run.cloud.sold_out -= {(kind, Market.ON_DEMAND) for kind in ("small", "big", "burst")}

    @rule()
    def the_controller_is_restarted(self) -> None:
        self.run.restart()

    @invariant()
    def limits_slots_and_memory_hold(self) -> None:
        alive = [one for one in self.run.cloud.machines.values() if one.phase is not Phase.GONE]
        for market in Market:
            of_market = [one for one in alive if one.market is market]
            assert len(of_market) <= 5
            assert all(
                sum(one.kind.name == name for one in of_market) <= 3 for name in ("small", "big", "burst")
            )
        assert sum(one.kind.vcpus for one in alive) <= VCPU_LIMIT
        for one in alive:
            assert len(one.work) <= one.slots
            assert sum(work.task.memory for work in one.work.values()) <= one.kind.memory

    @invariant()
    def no_task_is_lost_and_none_is_published_twice(self) -> None:
        ledger = self.run.ledger
        assert len(set(self.run.published)) == len(self.run.published)
        for task in ledger.tasks.values():
            running = [one for one in task.attempts if not one.state.ended]
            assert task.state is not TaskState.FAILED or self.run.cloud.now > self.run.deadline
            assert all(not ledger.vms[one.vm_id].state.ended for one in running)
            if task.state in (TaskState.STAGED, TaskState.FROZEN):
                assert running

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        run = self.run
        run.finish()
        faults = check_log(
            run.log.events,
            run.mission.job,
            run.mission.environment,
            vcpu_limit=VCPU_LIMIT,
            right_estimates=self.right_estimates,
            deadline=run.deadline,
            boot=BOOT,
        )
        assert faults == []
        assert len(set(run.published)) == len(run.published)
        if self.right_estimates:
            assert run.met or not self.had_on_demand, "the run was recoverable at its start"
            assert not (run.met and run.ledger.miss), (
                "a miss is said only when it is certain by the estimates"
            )

    def _struck(self, data: st.DataObject, all_of_its_type: bool, *phases: Phase) -> list[Machine]:
        one = data.draw(st.sampled_from(self.run.machines(*phases)))
        return [
            vm for vm in self.run.machines(*phases) if vm is one or (all_of_its_type and vm.kind is one.kind)
        ]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=400, stateful_step_count=40)
