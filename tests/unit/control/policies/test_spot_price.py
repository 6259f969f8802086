"""When on-demand VMs do the work for less than spot VMs, by what the run has seen of these."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.policies.spot_price import cheaper_types, will_come_back
from airflow_provider_hads.simulation import Setting
from airflow_provider_hads.simulation.machine import Phase
from tests.support.hand_driven_run import HandDrivenRun
from tests.support.simulated_jobs import environment, job

MISSION = Mission(job(*[300.0] * 16), environment())
DEADLINE = 2700.0


def run(mission: Mission = MISSION) -> HandDrivenRun:
    """Return a run whose spot VMs boot."""
    return HandDrivenRun(mission, DEADLINE, Setting(checkpoint=0.0 if mission.keeps_progress else None))


def lose(run: HandDrivenRun, times: int) -> None:
    """Take all spot VMs away every 100 s: none has ended its boot."""
    for _ in range(times):
        run.pass_time(100.0)
        for machine in run.machines(Phase.BOOTING, Phase.UP):
            run.cloud.take_away(machine, run.cloud.now, 0.0)
        run.settle()


def cheaper(run: HandDrivenRun) -> list[str]:
    return [kind.name for kind in cheaper_types(run.ledger, run.cloud.now)]


def test_the_prices_alone_count_until_a_vm_was_lost() -> None:
    assert cheaper(run()) == []


def test_a_few_vms_that_die_in_their_boots_are_enough_to_tell() -> None:
    begun = run()
    lose(begun, 1)
    assert cheaper(begun) == [], "one may be bad luck"
    lose(begun, 5)
    assert "small" in cheaper(begun)


def test_vms_that_come_back_in_time_are_not_lost() -> None:
    begun = run()
    for _ in range(6):
        begun.pass_time(100.0)
        begun.cloud.interrupt(begun.machines(Phase.BOOTING, Phase.UP), begun.cloud.now)
        begun.settle()
        begun.pass_time(50.0)
        begun.cloud.resume(begun.machines(Phase.ASLEEP), begun.cloud.now)
        begun.settle()

    assert cheaper(begun) == []
    assert will_come_back(begun.ledger, begun.cloud.now) > 0.9


def test_the_longer_vms_sleep_the_less_they_are_expected_back() -> None:
    begun = run()
    begun.pass_time(100.0)
    begun.cloud.interrupt(begun.machines(Phase.BOOTING, Phase.UP), begun.cloud.now)
    begun.settle()
    soon = will_come_back(begun.ledger, 200.0)
    late = will_come_back(begun.ledger, 1500.0)

    assert soon > late


def test_where_progress_is_kept_no_loss_makes_spot_dearer() -> None:
    begun = run(replace(MISSION, keeps_progress=True))
    lose(begun, 6)

    assert cheaper(begun) == []
