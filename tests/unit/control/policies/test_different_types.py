"""Jobs of which some tasks fit on one type of VM only, and the others on another only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import OnLoss, Setting, simulate
from airflow_provider_hads.simulation.machine import Phase
from airflow_provider_hads.simulation.run import Outcome
from airflow_provider_hads.simulation.traces import Trace
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.log_checker import check_log

BOOT = 60.0
TASKS = 12
SECONDS = 300.0
ROUNDS_ON_ONE_VM = 6


def types(*markets: Market, both: int) -> Environment:
    """Return types ``one`` and ``other``, of two slots each, of which so many VMs may run in each market."""
    prices = {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}
    kinds = {
        name: InstanceType(
            name, 2, 4000.0, 10.0, {one: prices[one] for one in markets}, dict.fromkeys(markets, 8)
        )
        for name in ("one", "other")
    }
    return Environment(kinds, dict.fromkeys(Market, both))


def halves() -> Job:
    """Return a job of as many tasks for type ``one`` as for type ``other``."""
    tasks = {
        f"{kind}-{number}": Task(f"{kind}-{number}", "true", 100.0, {kind: SECONDS})
        for kind in ("one", "other")
        for number in range(TASKS)
    }
    return Job("7", "halves", tasks)


def outcome(
    kinds: Environment, deadline: float, policy: str = "adaptive", world: Setting | None = None
) -> Outcome:
    mission = Mission(halves(), kinds, policy, boot=BOOT)
    done = simulate(mission, deadline, world or Setting(boot=BOOT), events=True)
    assert check_log(done.events, mission.job, kinds, boot=BOOT, deadline=deadline) == []
    return done


def launches(done: Outcome, market: Market) -> list[str]:
    """Return the types of the VMs of a market, in the order of their launch."""
    return [
        one["type"] for one in done.events if one["event"] == "vm_launched" and one["market"] == market.value
    ]


@pytest.mark.parametrize("policy", ["adaptive", "uniform-progress"])
def test_each_half_gets_a_vm_where_the_limits_allow_two(policy: str) -> None:
    done = outcome(types(Market.ON_DEMAND, both=2), 2000.0, policy)

    assert done.deadline_met
    assert sorted(launches(done, Market.ON_DEMAND)) == ["one", "other"]


def test_each_half_gets_as_many_vms_where_the_limits_bind() -> None:
    done = outcome(types(Market.ON_DEMAND, both=6), BOOT + 2 * SECONDS + 30)

    assert done.deadline_met
    assert sorted(launches(done, Market.ON_DEMAND)) == ["one"] * 3 + ["other"] * 3


def test_one_half_is_done_after_the_other_where_the_limits_allow_one_vm() -> None:
    each = BOOT + ROUNDS_ON_ONE_VM * SECONDS
    done = outcome(types(Market.ON_DEMAND, both=1), 3 * each)

    assert done.makespan == pytest.approx(2 * each)
    assert launches(done, Market.ON_DEMAND) == ["one", "other"]


def test_spot_vms_are_launched_for_both_halves() -> None:
    done = outcome(types(*Market, both=4), 4 * (BOOT + ROUNDS_ON_ONE_VM * SECONDS))

    assert done.deadline_met
    assert {*launches(done, Market.SPOT)} == {"one", "other"}
    assert launches(done, Market.ON_DEMAND) == []


def test_that_all_slots_together_are_too_few_is_said_at_once() -> None:
    done = outcome(types(Market.ON_DEMAND, both=2), BOOT + (ROUNDS_ON_ONE_VM - 1) * SECONDS)

    assert done.miss_said_at == 0.0
    assert done.makespan == BOOT + ROUNDS_ON_ONE_VM * SECONDS


def one_of(name: str, slots: int, **prices: float) -> InstanceType:
    """Return a type of so many slots; prices are ``spot`` and ``on_demand``, $/h."""
    markets = {Market(market.replace("_", "-")): price for market, price in prices.items()}
    return InstanceType(name, slots, 64000.0, 10.0, markets, dict.fromkeys(markets, 5))


def bag(number: int, **runtimes: float) -> Job:
    """Return a job of so many tasks, with their seconds by type."""
    tasks = [Task(str(index), "true", 100.0, runtimes) for index in range(number)]
    return Job("7", "bag", {task.id: task for task in tasks})


@pytest.mark.parametrize("policy", ["adaptive", "hads", "burst-hads", "uniform-progress"])
def test_where_little_time_is_left_the_quickest_vms_count_not_the_strongest(policy: str) -> None:
    kinds = [one_of("strong", 4, on_demand=0.2), one_of("quick", 1, on_demand=0.1)]
    environment = Environment({kind.name: kind for kind in kinds}, dict.fromkeys(Market, 20))
    mission = Mission(bag(3, strong=167.0, quick=100.0), environment, policy, boot=180.0)

    assert simulate(mission, 180.0 + 100.0 + mission.safety, Setting(boot=180.0)).deadline_met


def test_a_large_spot_vm_is_dear_for_a_single_task() -> None:
    kinds = [one_of("small", 1, on_demand=0.1), one_of("large", 16, spot=1.44, on_demand=4.8)]
    environment = Environment({kind.name: kind for kind in kinds}, dict.fromkeys(Market, 20))
    mission = Mission(bag(1, small=3600.0, large=3600.0), environment, boot=60.0)
    done = simulate(mission, 14400.0, Setting(boot=60.0), events=True)

    assert launches(done, Market.SPOT) == []
    assert launches(done, Market.ON_DEMAND) == ["small"]


def test_that_whole_tasks_do_not_fit_beside_each_other_is_said_at_once() -> None:
    kind = one_of("only", 1, on_demand=0.1)
    two = Environment({"only": kind}, dict.fromkeys(Market, 2))
    done = simulate(Mission(bag(3, only=1000.0), two, boot=180.0), 2170.0, Setting(boot=180.0))

    assert done.miss_said_at == 0.0
    assert done.makespan == 2180.0


def test_an_on_demand_fleet_has_time_for_wrong_estimates() -> None:
    """On-demand VMs cost less than spot VMs; two tasks after each other are in time by the estimates."""
    kind = replace(one_of("only", 1, spot=0.15, on_demand=0.1), limits=dict.fromkeys(Market, 20))
    mission = Mission(bag(20, only=300.0), Environment({"only": kind}, dict.fromkeys(Market, 20)), boot=180.0)
    wrong = Setting(boot=180.0, estimate_error=0.2)

    assert sum(simulate(mission, 805.0, wrong, run).deadline_met for run in range(50)) >= 49


def test_what_only_spot_vms_can_do_is_done_after_the_deadline_too() -> None:
    mission = Mission(halves(), types(Market.SPOT, both=8), boot=BOOT)
    run = HandDrivenRun(mission, 2400.0, Setting(boot=BOOT, on_loss=OnLoss.TERMINATE))
    run.cloud.sold_out = {(kind, Market.SPOT) for kind in mission.types}
    run.cloud.interrupt(run.machines(Phase.BOOTING), run.cloud.now)
    run.pass_time(2500.0)
    run.cloud.sold_out = set()
    run.finish()

    assert not run.met
    assert sorted(run.published) == sorted(mission.job.tasks)


def test_a_run_that_comes_to_nothing_is_given_up_as_long_after_the_deadline_as_it_may_take() -> None:
    never = dict.fromkeys(("one", "other"), Trace(60.0, (0,)))
    done = outcome(types(Market.SPOT, both=8), 2400.0, world=Setting(traces=never, boot=BOOT))

    assert done.makespan == 0.0
    assert done.events[-1]["t"] == pytest.approx(2 * 2400.0, abs=1.0)
