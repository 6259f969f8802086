"""The iterated local search: moves, perturbation, relaxation and acceptance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import gt, mul
from random import Random

from airflow_provider_hads.model import Market, Task
from airflow_provider_hads.planning.draft import FleetDraft, full_speed_types
from airflow_provider_hads.planning.ils.fleet import Kind, SearchFleet, Trial
from airflow_provider_hads.planning.request import Objective, PlanRequest
from airflow_provider_hads.planning.stopping import Stop, never

__all__ = ["Found", "LocalSearch", "weighted_fitness"]

ATTEMPTS = 100
"""Rounds of one local search; each round tries each of the three moves once."""
GATHERED_SHARE = 0.1
"""Share of the tasks that the third move gathers on one VM."""
PATIENCE = 20
"""Iterations without a better solution, after which D_spot is relaxed."""
RELAXATION = 1.25
"""By how much."""
_FIXED_WEIGHTS = {Objective.COST: 1.0, Objective.MAKESPAN: 0.0}
"""Weight of the cost; for the weighted objective it is the request's alpha."""


def weighted_fitness(request: PlanRequest, cost: float, makespan: float, d_spot: float) -> float:
    """Return weight x cost + (1 - weight) x makespan / D_spot.

    :param cost: dollars.
    :param makespan: seconds.
    :param d_spot: seconds; where there is no spot work, the deadline stands in for it.
    """
    weight = _weight_of_cost(request)
    return weight * cost + (1 - weight) * makespan / (d_spot or request.horizon)


def _weight_of_cost(request: PlanRequest) -> float:
    return _FIXED_WEIGHTS.get(request.objective, request.alpha)


@dataclass(frozen=True)
class Found:
    """A solution that was the best of its sort when it was found.

    :param fitness: by the true D_spot.
    """

    fleet: SearchFleet
    fitness: float


class LocalSearch:
    """One search from an initial solution.

    :param fleet: the initial solution; it is changed.
    :param tasks: the tasks in the order of their numbers.
    :param d_spot: seconds.
    :ivar fleet: the present solution.
    :ivar fitness: its fitness, by the relaxed D_spot.
    :ivar relaxed: the D_spot that the search goes by at present, seconds.
    :ivar sound: solutions whose spot VMs end by D_spot, the initial one first, each better than the last.
    :ivar violating: the best other one that the relaxed search has found.
    """

    def __init__(
        self, request: PlanRequest, fleet: SearchFleet, tasks: Sequence[Task], d_spot: float
    ) -> None:
        self._request = request
        self._weight = _weight_of_cost(request)
        self._tasks = tasks
        self.fleet = fleet
        self._random = Random(request.seed)
        self._d_spot = d_spot
        self.relaxed = d_spot
        self._kinds = {market: self._kinds_of(market) for market in Market}
        self._latest: list[float] = []
        self._prices: list[float] = []
        self.fitness = math.inf
        self._refresh()
        self.sound = [Found(fleet.copy(), self._true_fitness())]
        self.violating: Found | None = None

    def run(self, iterations: int, stop: Stop = never) -> None:
        """Search, for so many iterations or until told to stop."""
        last_best = 0
        for iteration in range(iterations):
            if stop():
                return
            self.perturb()
            if iteration - last_best > PATIENCE:
                self.relax()
                last_best = iteration
            self.improve(stop)
            if self._keep_if_best():
                last_best = iteration

    def _kinds_of(self, market: Market) -> list[Kind]:
        if market is Market.SPOT and self._d_spot <= 0:
            return []
        types = full_speed_types(self._request.environment.instance_types.values(), market)
        return [Kind(self._request, kind, market, self._tasks) for kind in types]

    def perturb(self) -> None:
        """Open a VM of a random type, and put two random tasks on it if that is better."""
        kind = self._new_kind()
        if kind is None:
            return
        vm = self.fleet.open(kind)
        self._refresh()
        trial = Trial(self.fleet)
        trial.move(self._any_task(), vm)
        trial.move(self._any_task(), vm)
        self._accept_if_better(trial)

    def _new_kind(self) -> Kind | None:
        """Draw one of the types that the limits allow; idle VMs make room if need be."""
        allowed = self.allowed_kinds()
        if not allowed and not all(self.fleet.queues):
            self.fleet.drop_idle()
            self._refresh()
            allowed = self.allowed_kinds()
        return self._random.choice(allowed) if allowed else None

    def allowed_kinds(self) -> list[Kind]:
        """Return the spot types that may be opened, else, where on-demand VMs are in use, those on demand."""
        draft = FleetDraft(self._request)
        for kind in self.fleet.kinds:
            draft.open(kind.instance_type, kind.market)

        def allowed(market: Market) -> list[Kind]:
            return [kind for kind in self._kinds[market] if draft.allows(kind.instance_type, market)]

        needs_on_demand = any(kind.market is Market.ON_DEMAND for kind in self.fleet.kinds)
        return allowed(Market.SPOT) or (allowed(Market.ON_DEMAND) if needs_on_demand else [])

    def relax(self) -> None:
        """Let spot VMs end later, at most at the deadline; fitness is by the new D_spot from here on."""
        self.relaxed = min(self.relaxed * RELAXATION, max(self._request.horizon, self._d_spot))
        self._refresh()

    def improve(self, stop: Stop = never) -> None:
        """Try each of the moves a number of times; what is better is kept."""
        for _ in range(ATTEMPTS):
            if stop():
                return
            self.swap()
            self.move_two()
            self.gather()

    def swap(self) -> bool:
        """Exchange the VMs of two random tasks."""
        one, other = self._any_task(), self._any_task()
        owners = self.fleet.owners
        if owners[one] == owners[other]:
            return False
        trial = Trial(self.fleet)
        trial.move(one, owners[other])
        trial.move(other, owners[one])
        return self._accept_if_better(trial)

    def move_two(self) -> bool:
        """Put two random tasks on a random VM."""
        trial, vm = Trial(self.fleet), self._any_vm()
        trial.move(self._any_task(), vm)
        trial.move(self._any_task(), vm)
        return self._accept_if_better(trial)

    def gather(self) -> bool:
        """Put random tasks on a random VM, one by one, until that is better or a tenth of all are there."""
        trial, vm = Trial(self.fleet), self._any_vm()
        for _ in range(math.floor(GATHERED_SHARE * len(self._tasks))):
            trial.move(self._any_task(), vm)
            if self._accept_if_better(trial):
                return True
        return False

    def _accept_if_better(self, trial: Trial) -> bool:
        """Keep the trial if it is better; bounds come first, for most trials are bad enough by those."""
        fitness = self.fitness_of(trial.ends)
        while fitness < self.fitness:
            vm = trial.next_unsettled()
            if vm is None:
                trial.accept()
                self.fitness = fitness
                return True
            if not trial.settle(vm, self._latest_of_use(vm, trial.ends[vm], fitness)):
                return False
            fitness = self.fitness_of(trial.ends)
        return False

    def _latest_of_use(self, vm: int, bound: float, fitness: float) -> float:
        """Return the latest end of a VM with which a trial can be better, if only its cost is looked at.

        :param bound: the end of that VM by which the fitness was told.
        :param fitness: of the trial, at least.
        """
        second = self._weight * self._prices[vm]
        if second <= 0:
            return self._latest[vm]
        return min(self._latest[vm], (bound + (self.fitness - fitness) / second) * (1 + 1e-9))

    def fitness_of(self, ends: Sequence[float]) -> float:
        """Return alpha x cost + (1 - alpha) x makespan / D_spot; infinite where a VM ends too late."""
        if any(map(gt, ends, self._latest)):
            return math.inf
        return self._weighted(ends, self.relaxed)

    def _weighted(self, ends: Sequence[float], d_spot: float) -> float:
        cost = sum(map(mul, ends, self._prices))
        return weighted_fitness(self._request, cost, max(ends), d_spot)

    def _true_fitness(self) -> float:
        return self._weighted(self.fleet.ends, self._d_spot)

    def _keep_if_best(self) -> bool:
        best = self.violating if self._violates() else self.sound[-1]
        fitness = self._true_fitness()
        if best is not None and fitness >= best.fitness:
            return False
        found = Found(self.fleet.copy(), fitness)
        if self._violates():
            self.violating = found
        else:
            self.sound.append(found)
        return True

    def _violates(self) -> bool:
        ends = zip(self.fleet.ends, self.fleet.kinds, strict=True)
        return any(end > self._d_spot and kind.market is Market.SPOT for end, kind in ends)

    def _refresh(self) -> None:
        """Look again at what depends on the VMs there are, and on D_spot."""
        latest = {Market.SPOT: self.relaxed, Market.ON_DEMAND: self._request.horizon}
        self._latest = [latest[kind.market] for kind in self.fleet.kinds]
        self._prices = [kind.price for kind in self.fleet.kinds]
        self.fitness = self.fitness_of(self.fleet.ends)

    def _any_task(self) -> int:
        return int(self._random.random() * len(self._tasks))

    def _any_vm(self) -> int:
        return int(self._random.random() * len(self.fleet.kinds))
