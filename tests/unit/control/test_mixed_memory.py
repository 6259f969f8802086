"""Tasks of different size: how many run at once on a VM depends on which they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import cheapest_fleet, fastest_seconds, fleet_cost
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import Setting, simulate
from airflow_provider_hads.simulation.experiment import on_demand_cost
from tests.support.log_checker import check_log

BOOT = 60.0


def kind(name: str, vcpus: int, memory: float, price: float) -> InstanceType:
    """Return a type of which one VM may run in each market."""
    prices = {Market.SPOT: 0.3 * price, Market.ON_DEMAND: price}
    return InstanceType(name, vcpus, memory, 10.0, prices, dict.fromkeys(Market, 1))


def bag(*tasks: tuple[float, float]) -> Job:
    """Return tasks of so many MB and seconds."""
    made = {
        str(number): Task(str(number), "true", memory, {"narrow": seconds, "wide": seconds})
        for number, (memory, seconds) in enumerate(tasks)
    }
    return Job("7", "mixed", made)


NARROW, WIDE = kind("narrow", 2, 1000.0, 0.1), kind("wide", 4, 4000.0, 0.2)
BOTH = Environment({"narrow": NARROW, "wide": WIDE}, dict.fromkeys(Market, 4))
ONE_IS_LARGE = Mission(bag((3000.0, 380.0), *[(100.0, 300.0)] * 6), BOTH, boot=BOOT)


def test_small_tasks_run_beside_a_large_one_in_the_way_out() -> None:
    assert ONE_IS_LARGE.safe_slots(WIDE) == 1, "if all were as large"
    assert fastest_seconds(ONE_IS_LARGE) == BOOT + 2 * 300, "seven tasks on six slots"


def test_two_large_tasks_do_not_run_at_once_where_the_memory_is_for_one() -> None:
    two = replace(ONE_IS_LARGE, job=bag((3000.0, 380.0), (3000.0, 400.0), (100.0, 10.0)))
    assert fastest_seconds(two) == BOOT + 400 + 380


def test_the_way_out_has_no_task_on_a_vm_that_is_too_small_for_it() -> None:
    one = replace(ONE_IS_LARGE, job=bag((3000.0, 100.0)))
    assert fastest_seconds(replace(one, environment=Environment({"narrow": NARROW}, BOTH.global_limits))) == (
        float("inf")
    )
    assert fastest_seconds(one) == BOOT + 100


@pytest.mark.parametrize(("deadline", "fleet"), [(1000.0, {"wide": 1}), (700.0, {"narrow": 1, "wide": 1})])
def test_a_fleet_costs_what_the_on_demand_policy_pays_for_it(deadline: float, fleet: dict[str, int]) -> None:
    mission = replace(ONE_IS_LARGE, job=bag((3000.0, 380.0), *[(100.0, 300.0)] * 10))
    cheapest = {name: count for name, count in cheapest_fleet(mission, deadline).items() if count}
    assert cheapest == fleet
    assert fleet_cost(mission, fleet, deadline) == pytest.approx(
        on_demand_cost(mission, deadline, Setting(boot=BOOT))
    )


def test_the_cheapest_fleet_may_have_types_on_which_not_every_task_fits() -> None:
    assert cheapest_fleet(ONE_IS_LARGE, 1500.0) == {"narrow": 0, "wide": 1}
    wide_is_dear = {"narrow": NARROW, "wide": replace(WIDE, prices={Market.ON_DEMAND: 1.0})}
    dear = replace(ONE_IS_LARGE, environment=Environment(wide_is_dear, BOTH.global_limits))
    assert cheapest_fleet(dear, 1500.0) == {"narrow": 1, "wide": 1}


def test_spot_vms_run_what_on_demand_vms_alone_can_not_end_in_time() -> None:
    outcome = simulate(ONE_IS_LARGE, 600.0, Setting(boot=BOOT), events=True)
    assert check_log(outcome.events, ONE_IS_LARGE.job, BOTH) == []
    assert outcome.deadline_met
    assert outcome.makespan == BOOT + 380, "all at once"
