"""An on-demand type that is sold out when it is needed: the way out is planned anew, with the others."""

from __future__ import annotations

import random

from airflow_provider_hads.control import Observation
from airflow_provider_hads.control.actions import Action
from airflow_provider_hads.control.backstop import find_backstop
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.on_demand_fleet import fastest_seconds
from airflow_provider_hads.model import Market
from airflow_provider_hads.simulation import Setting
from airflow_provider_hads.simulation.machine import Phase
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.simulated_jobs import environment, job

TYPES = ("small", "big")
BOOT = 60.0


class RefusedRun(HandDrivenRun):
    """A run that notes when its last task could end by another way, once a type has been refused."""

    way_out: float | None = None

    def _step(self, seen: Observation) -> list[Action]:
        actions = super()._step(seen)
        refused = any(one.key.startswith("launch/") and one.error for one in seen.results)
        if refused and self.way_out is None and any(key.endswith("/on-demand") for key in self.ledger.pauses):
            self.way_out = find_backstop(self.ledger, self.cloud.now).end
        return actions


def without_spot_and_one_type(seed: int) -> RefusedRun:
    """Return a run, at its end, that loses all spot VMs early on, and can rent one type on demand only."""
    draw = random.Random(seed)
    bag = job(*(float(draw.randint(50, 400)) for _ in range(draw.choice([1, 1, 2, 4, 8]))))
    mission = Mission(bag, environment(limit=draw.choice([1, 2, 4])), boot=BOOT)
    deadline = draw.choice([1.2, 1.5, 2.0]) * (fastest_seconds(mission) + mission.safety)
    run = RefusedRun(mission, deadline, Setting(boot=BOOT))
    run.cloud.sold_out.add((draw.choice(TYPES), Market.ON_DEMAND))
    lose_all_spot_vms(run, draw.uniform(1, 0.3 * deadline))
    return run


def lose_all_spot_vms(run: HandDrivenRun, after: float) -> None:
    """Let all spot VMs end then, and have no more, and carry the run to its end."""
    run.pass_time(after)
    run.cloud.sold_out |= {(kind, Market.SPOT) for kind in TYPES}
    for machine in run.machines(Phase.UP, Phase.BOOTING, Phase.ASLEEP):
        run.cloud.take_away(machine, run.cloud.now, 0.0)
    run.settle()
    run.finish()


def test_one_long_task_of_which_the_first_choice_is_sold_out() -> None:
    mission = Mission(job(400.0), environment(limit=4), boot=BOOT)
    run = HandDrivenRun(mission, 960.0, Setting(boot=BOOT))
    run.cloud.sold_out.add(("small", Market.ON_DEMAND))
    lose_all_spot_vms(run, 100.0)

    assert run.met
    assert run.ledger.miss is None


def test_where_the_other_type_can_still_do_it_it_does() -> None:
    runs = [without_spot_and_one_type(seed) for seed in range(400)]
    could = [run for run in runs if run.way_out is not None and run.way_out <= run.deadline]

    assert len(could) > 50
    assert [run for run in could if not run.met] == []
