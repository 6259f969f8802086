"""The controller's ports, as the simulated cloud implements them."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from threading import Lock

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.ports import EventsPort, FleetPort, ResultsPort, VmPort
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.exceptions import CapacityError, EpochRefused, VmUnreachable
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import InstanceState, LaunchOrder
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.model.runner import AttemptState, Exchange, TaskOrder
from airflow_provider_hads.model.settings import Settings
from airflow_provider_hads.runtime.orders import OrderBook
from airflow_provider_hads.runtime.supervisor import Supervisor
from airflow_provider_hads.simulation import Setting
from airflow_provider_hads.simulation.cloud import SimulatedCloud
from airflow_provider_hads.simulation.event_log import EventLog
from airflow_provider_hads.simulation.run import START, opening
from airflow_provider_hads.simulation.traces import Trace
from airflow_provider_hads.simulation.world import World
from tests.support.log_checker import check_log
from tests.support.simulated_jobs import environment, job

RUN = RunIdentity("7", 0, "uid", "bucket")
JOB = job(*[100.0] * 6)
MISSION = Mission(JOB, environment(), boot=30.0, reaction=60.0)
DEADLINE = 1000.0
EXPIRY = START.timestamp() + 2 * DEADLINE


def order_of(vm_id: str, kind: str = "small", market: Market = Market.SPOT, sequence: int = 0) -> LaunchOrder:
    return LaunchOrder(RUN, vm_id, sequence, 0, kind, 4000.0, market, False, START)


def world(log: EventLog | None = None, setting: Setting | None = None) -> World:
    return World(MISSION, setting or Setting(boot=30.0), START, EXPIRY, Random("0"), log or EventLog(False))


@pytest.fixture
def cloud() -> SimulatedCloud:
    """Return a cloud in which one VM boots."""
    cloud = SimulatedCloud(world(), START)
    cloud.launch(order_of("vm-0"))
    return cloud


@pytest.mark.parametrize("port", [FleetPort, EventsPort, VmPort, ResultsPort])
def test_it_implements_every_port(port: type) -> None:
    assert port in SimulatedCloud.__mro__, "so that mypy compares the signatures"
    methods = [name for name in vars(port) if not name.startswith("_")]
    assert methods
    assert all(name in vars(SimulatedCloud) for name in methods), "none is the protocol's own"


def test_a_vm_works_off_its_queue_and_tells_of_it(cloud: SimulatedCloud) -> None:
    (vm,) = cloud.describe()
    with pytest.raises(VmUnreachable, match="booting"):
        cloud.prepare(vm, START)
    cloud.pass_time(31.0)
    cloud.prepare(vm, START)
    task = TaskOrder("0.1", "0", 0, "true", "image:1", "/work", 100.0)
    cloud.exchange(vm, Exchange(1, enqueue=(task,)))
    cloud.pass_time(40.0)

    (running,) = cloud.exchange(vm, Exchange(1, enqueue=(task,))).attempts.values()
    assert (running.state, running.ran) == (AttemptState.RUNNING, 40.0)
    cloud.pass_time(61.0)
    (finished,) = cloud.exchange(vm, Exchange(1)).attempts.values()
    assert finished.state is AttemptState.FINISHED


def test_what_waits_can_be_taken_back_and_what_runs_dropped(cloud: SimulatedCloud) -> None:
    (vm,) = cloud.describe()
    cloud.pass_time(31.0)
    tasks = [TaskOrder(f"{name}.1", name, 0, "true", "image:1", "/work", 100.0) for name in "012"]
    cloud.exchange(vm, Exchange(1, enqueue=tuple(tasks)))

    status = cloud.exchange(vm, Exchange(1, steal=("2.1",), cancel=("0.1",)))
    assert status.stolen == ("2.1",)
    assert status.attempts["0.1"].state is AttemptState.CANCELLED
    assert status.attempts["1.1"].state is AttemptState.RUNNING


def test_a_vm_is_launched_once_and_ends_for_good(cloud: SimulatedCloud) -> None:
    assert cloud.launch(order_of("vm-0")).adopted
    (vm,) = cloud.describe()
    cloud.end(vm)

    (ended,) = cloud.describe()
    assert ended.state is InstanceState.TERMINATED
    (event,) = cloud.receive([vm.instance_id])
    assert event.state is InstanceState.TERMINATED
    assert cloud.receive([vm.instance_id]) == ()


def test_there_is_no_capacity_where_a_trace_has_none() -> None:
    never = {kind: Trace(60.0, (0, 0)) for kind in MISSION.types}
    cloud = SimulatedCloud(world(setting=Setting(traces=never)), START)
    with pytest.raises(CapacityError):
        cloud.launch(order_of("vm-0"))
    assert cloud.launch(order_of("vm-1", market=Market.ON_DEMAND)).instance_id == "i-vm-1"


def test_an_earlier_controller_is_refused(cloud: SimulatedCloud) -> None:
    (vm,) = cloud.describe()
    cloud.pass_time(31.0)
    cloud.exchange(vm, Exchange(2))
    with pytest.raises(EpochRefused):
        cloud.exchange(vm, Exchange(1))


def test_the_supervisor_of_real_runs_meets_the_deadline_in_it() -> None:
    log = EventLog(True)
    simulated = world(log, Setting(1 / 300, 1 / 300, boot=30.0))
    cloud = SimulatedCloud(simulated, START, Lock())
    prices = {
        kind.name: {str(m): price for m, price in kind.prices.items()} for kind in MISSION.types.values()
    }
    log(0.0, "run_started", job=JOB.id, deadline=DEADLINE, policy=MISSION.policy, prices=prices)
    supervise(cloud)

    assert sorted(cloud.published) == sorted(JOB.tasks)
    assert simulated.makespan <= DEADLINE
    cost, makespan = simulated.cost, simulated.makespan
    log(simulated.now, "run_finished", cost=cost, makespan=makespan, deadline_met=True)
    faults = check_log(
        log.events,
        JOB,
        MISSION.environment,
        right_estimates=False,
        publishes=False,
        heard_late=True,
    )
    assert faults == []


def supervise(cloud: SimulatedCloud) -> None:
    """Let a supervisor make a step each second, until every VM has ended."""

    def launch_order(vm: VmRecord) -> LaunchOrder:
        return order_of(vm.id, vm.instance_type, vm.market, vm.sequence)

    state, _ = opening(MISSION, DEADLINE)
    supervisor = Supervisor(
        replace(state, epoch=1),
        rules=Rules(margin=DEADLINE),
        fleet=cloud,
        vms=cloud,
        results=cloud,
        events=cloud,
        orders=OrderBook(JOB, MISSION.types, Settings(), {}),
        interval=5,
        clock=cloud.clock,
        save=lambda state: None,
        mission=MISSION,
        launch_order=launch_order,
    )
    ended = False
    while not ended or not all(one.state.ended for one in cloud.describe()):
        assert cloud.clock() < START.fromtimestamp(EXPIRY, START.tzinfo), supervisor.state
        ended = supervisor.step()
        cloud.pass_time(1.0)
        while supervisor._lanes._lanes:
            time.sleep(0.001)
    supervisor.close()
