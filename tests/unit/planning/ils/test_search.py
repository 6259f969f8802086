"""The steps of the iterated local search."""

from __future__ import annotations

import math

import pytest

from airflow_provider_hads.model import InstanceType, Market
from airflow_provider_hads.planning import Objective, PlanRequest
from airflow_provider_hads.planning.ils.fleet import Kind, SearchFleet
from airflow_provider_hads.planning.ils.search import LocalSearch, weighted_fitness
from tests.support.planning_examples import environment, instance_type, job

SMALL = instance_type(vcpus=1, spot=0.36)


def search(
    runtimes: list[float],
    queues: list[list[int]],
    *,
    d_spot: float = 100,
    seed: int = 0,
    objective: Objective = Objective.WEIGHTED,
    types: tuple[InstanceType, ...] = (SMALL,),
    spot: int = 20,
    market: Market = Market.SPOT,
) -> LocalSearch:
    """Return a search on VMs of the first type, with the given queues."""
    tasks = job(runtimes, types=[kind.name for kind in types])
    request = PlanRequest(tasks, environment(*types, spot=spot), deadline=200, objective=objective, seed=seed)
    kind = Kind(request, types[0], market, list(tasks.tasks.values()))
    fleet = SearchFleet([kind] * len(queues), queues)
    return LocalSearch(request, fleet, list(tasks.tasks.values()), d_spot)


def queues(of: LocalSearch) -> list[list[int]]:
    return of.fleet.queues


def test_the_fitness_weighs_cost_and_makespan_over_d_spot() -> None:
    request = PlanRequest(job([1]), environment(), deadline=500, objective=Objective.WEIGHTED, alpha=0.25)
    assert weighted_fitness(request, cost=2.0, makespan=50, d_spot=100) == 0.25 * 2 + 0.75 * 0.5


@pytest.mark.parametrize(("objective", "fitness"), [(Objective.COST, 2.0), (Objective.MAKESPAN, 0.5)])
def test_other_objectives_are_its_ends(objective: Objective, fitness: float) -> None:
    request = PlanRequest(job([1]), environment(), deadline=500, objective=objective)
    assert weighted_fitness(request, cost=2.0, makespan=50, d_spot=100) == fitness


def test_a_spot_vm_that_ends_after_d_spot_makes_it_infinite() -> None:
    """Both tasks on one VM would be no dearer, but late."""
    there = search([60, 60], [[0], [1]], objective=Objective.COST)
    assert there.fitness_of([60, 60]) < math.inf
    assert there.fitness_of([120, 0]) == math.inf
    there.relax()
    assert there.fitness_of([120, 0]) < math.inf


def test_swapping_two_tasks_balances_two_vms() -> None:
    there = search([50, 40, 30, 20], [[0, 1], [2, 3]])
    assert any(there.swap() for _ in range(50))
    assert sorted(map(len, queues(there))) == [2, 2]
    assert max(there.fleet.ends) < 90


def test_two_tasks_move_to_a_random_vm() -> None:
    there = search([10, 10, 10, 10], [[0, 1, 2, 3], []])
    assert any(there.move_two() for _ in range(50))
    assert there.fleet.ends == [20, 20]


def test_a_tenth_of_the_tasks_is_gathered_until_it_is_better() -> None:
    """One task alone makes no difference to the rounds of a VM with three cores; three do."""
    wide = instance_type("wide", vcpus=3, spot=0.1)
    everything = list(range(30))
    there = search([10] * 30, [everything, []], types=(wide,))
    assert any(there.gather() for _ in range(200))
    assert there.fleet.ends == [90, 10]
    assert len(queues(there)[1]) == 3


def test_what_is_not_better_is_not_kept() -> None:
    there = search([50, 50], [[0], [1]])
    before = there.fitness
    there.improve()
    assert (there.fitness, sorted(queues(there))) == (before, [[0], [1]])


def test_the_perturbation_opens_a_spot_vm_and_tries_two_tasks_on_it() -> None:
    there = search([40, 40, 20], [[0, 1, 2]])
    there.perturb()
    assert len(queues(there)) == 2
    assert max(there.fleet.ends) < 100


def test_the_perturbation_keeps_the_limits_and_lets_idle_vms_make_room() -> None:
    """Two VMs are allowed, one of them is idle: a new one takes its place."""
    there = search([50, 30], [[0, 1], []], spot=2)
    there.perturb()
    assert len(queues(there)) == 2
    full = search([50, 30], [[0], [1]], spot=2)
    full.perturb()
    assert queues(full) == [[0], [1]]


def test_on_demand_vms_are_opened_only_where_they_are_in_use_already() -> None:
    spot_only = search([50, 30], [[0], [1]], spot=2)
    assert spot_only.allowed_kinds() == []
    mixed = search([50, 30], [[0], [1]], spot=0, market=Market.ON_DEMAND)
    assert {kind.market for kind in mixed.allowed_kinds()} == {Market.ON_DEMAND}


def test_burstable_types_are_not_searched_on() -> None:
    burst = instance_type("burst", spot=None, burstable=True)
    there = search([50, 30], [[0, 1]], types=(SMALL, burst))
    assert {kind.instance_type.name for kind in there.allowed_kinds()} == {"small"}


def test_d_spot_is_relaxed_by_a_quarter_up_to_the_deadline() -> None:
    there = search([10], [[0]], d_spot=100)
    relaxed = []
    for _ in range(5):
        there.relax()
        relaxed.append(there.relaxed)
    assert relaxed == [125, 156.25, 195.3125, 200, 200]


def test_after_a_relaxation_the_cheaper_but_late_solution_is_found_and_kept_apart() -> None:
    """On one VM the work costs less, for a VM lives as long as its longest core; but it ends after D_spot."""
    two_cores = instance_type("two", vcpus=2, spot=0.36)
    there = search(
        [70, 40, 30], [[0, 1], [2]], d_spot=69, objective=Objective.COST, types=(two_cores,), spot=1
    )
    there.run(60)
    assert there.violating is not None
    assert there.violating.fitness < there.sound[-1].fitness


def test_each_sound_solution_is_better_than_the_one_before() -> None:
    there = search([50, 45, 40, 35, 30, 25], [[0, 1], [2, 3], [4, 5]], d_spot=100)
    there.run(10)
    fitness = [found.fitness for found in there.sound]
    assert fitness == sorted(fitness, reverse=True)
    assert len(fitness) > 1


def test_the_seed_decides() -> None:
    def found(seed: int) -> list[list[int]]:
        there = search([50, 45, 40, 35, 30, 25], [[0, 1], [2, 3], [4, 5]], seed=seed)
        there.run(3)
        return queues(there)

    assert found(1) == found(1)
    assert len({str(found(seed)) for seed in range(5)}) > 1
