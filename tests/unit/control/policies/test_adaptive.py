"""What ``adaptive`` makes of spot VMs that do not come back, and of on-demand VMs that must be launched."""

from __future__ import annotations

from statistics import mean

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import Setting, simulate
from airflow_provider_hads.simulation.experiment import on_demand_cost
from airflow_provider_hads.simulation.machine import Phase
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.simulated_jobs import environment, job

DEADLINE = 2700.0
SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND


def types(one: int, other: int, *, limits: dict[Market, int]) -> Environment:
    """Return types ``one`` and ``other`` of so many vCPUs, at the same price a vCPU."""
    prices = {SPOT: 0.015, ON_DEMAND: 0.05}
    kinds = {
        name: InstanceType(
            name, count, 64000.0, 10.0, {market: price * count for market, price in prices.items()}, limits
        )
        for name, count in (("one", one), ("other", other))
    }
    return Environment(kinds, dict.fromkeys(limits, 20))


def bag(count: int) -> Job:
    """Return a job of tasks that take 300 s on either type."""
    tasks = [Task(str(number), "true", 100.0, {"one": 300.0, "other": 300.0}) for number in range(count)]
    return Job("7", "alike", {task.id: task for task in tasks})


def finished_by_vm(run: HandDrivenRun) -> dict[str, int]:
    """Return how many tasks have ended on each on-demand VM."""
    events = run.log.events
    vms = [one["vm"] for one in events if one["event"] == "vm_launched" and one["market"] == "on-demand"]
    ends = [one["vm"] for one in events if one["event"] == "task_finished"]
    return {vm: ends.count(vm) for vm in vms}


def test_no_on_demand_vm_is_launched_at_the_latest_safe_time_that_gets_no_work() -> None:
    """A large VM that must be launched leaves a few tasks for which a small one is cheapest."""
    kinds = types(16, 4, limits={SPOT: 1, ON_DEMAND: 5})
    run = HandDrivenRun(Mission(bag(20), kinds), DEADLINE, Setting())
    run.pass_time(300.0)
    run.cloud.sold_out = {("one", SPOT), ("other", SPOT)}
    run.cloud.interrupt(run.machines(Phase.UP, Phase.BOOTING), run.cloud.now)
    run.finish()

    assert run.met
    assert all(finished_by_vm(run).values())


def test_sleeping_vms_are_waited_for_only_as_long_as_they_are_likely_to_come_back() -> None:
    """Nothing else happens while all of them sleep: the controller looks again by itself."""
    run = HandDrivenRun(Mission(job(*[300.0] * 16), environment()), DEADLINE, Setting())
    run.pass_time(300.0)
    while awake := run.machines(Phase.UP, Phase.BOOTING):
        run.cloud.interrupt(awake, run.cloud.now)
        run.settle()
    run.pass_time(900.0)

    assert run.machines(Phase.UP), "others work in the place of those that have not"


def test_there_are_never_more_spot_slots_than_tasks_for_them() -> None:
    """Near the end a slot has the time for one task: many of them are not better than enough."""
    kinds = types(4, 16, limits={SPOT: 8, ON_DEMAND: 5})
    run = HandDrivenRun(Mission(bag(30), kinds), DEADLINE, Setting())
    while run.cloud.now < 1800.0:
        run.pass_time(300.0)
        run.cloud.interrupt(run.machines(Phase.UP, Phase.BOOTING), run.cloud.now)
        run.settle()
        slots = [one.slots for one in run.machines(Phase.UP, Phase.BOOTING)]
        assert sum(slots) - max(slots, default=0) < run.ledger.open_tasks, "a VM less would do"


@pytest.mark.parametrize("seconds", [60, 150, 300])
def test_where_spot_vms_die_before_their_tasks_end_on_demand_vms_do_the_work(seconds: float) -> None:
    """An on-demand fleet that is begun early can be narrow: few boots are paid for."""
    mission = Mission(bag(24), types(8, 4, limits={SPOT: 5, ON_DEMAND: 5}))
    alone = on_demand_cost(mission, DEADLINE, Setting())
    outcomes = [simulate(mission, DEADLINE, Setting(1 / seconds), run) for run in range(10)]

    assert all(one.deadline_met for one in outcomes)
    assert alone is not None
    assert mean(one.cost for one in outcomes) < 1.4 * alone


def test_without_a_spot_market_the_cheapest_on_demand_vms_are_launched_at_once() -> None:
    mission = Mission(bag(24), types(8, 4, limits={SPOT: 0, ON_DEMAND: 5}))
    outcome = simulate(mission, DEADLINE, Setting())

    assert outcome.deadline_met
    assert outcome.cost == pytest.approx(on_demand_cost(mission, DEADLINE, Setting()))
