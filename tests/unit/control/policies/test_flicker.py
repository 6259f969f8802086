"""Where spot VMs live too briefly to pay for themselves, work stays longer and longer where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.policies.flicker import LONGEST_PAUSE, stay_until
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import TaskRecord, VmRecord, VmState
from airflow_provider_hads.simulation import OnLoss, Setting, simulate
from airflow_provider_hads.simulation.traces import Trace
from tests.benchmarks.control_traces import HOUR, mission
from tests.support.fleets import MISSION, ledger, vm

BOOT = MISSION.boot
LEAST = 2 * BOOT * 0.1 / (0.1 - 0.03)
"""Seconds that a spot VM of $0.03 has to live that saves $0.1 an hour, and costs two boots."""


def lost(number: int, at: float, life: float) -> tuple[VmRecord, dict[str, TaskRecord]]:
    """Return a spot VM that was interrupted at some moment, after it was up for some seconds."""
    record, tasks = vm(f"vm-{number}", Market.SPOT, state=VmState.TERMINATED)
    return replace(record, up=life, hibernations=1, ended_at=at), tasks


def test_as_long_as_none_was_lost_nothing_is_waited_for() -> None:
    assert stay_until(ledger(vm("vm-0", Market.SPOT), vm("vm-1"))) is None


def test_one_that_has_paid_for_itself_is_no_reason_to_wait() -> None:
    assert stay_until(ledger(lost(0, 900.0, LEAST + 1))) is None


def test_each_loss_before_its_time_doubles_the_pause() -> None:
    moments = [1000.0 * number for number in range(1, 10)]
    losses = [lost(number, at, LEAST - 1) for number, at in enumerate(moments)]
    pauses = [(stay_until(ledger(*losses[:count])) or 0.0) - moments[count - 1] for count in range(1, 10)]
    assert pauses[:4] == [2 * BOOT, 4 * BOOT, 8 * BOOT, 16 * BOOT]
    assert pauses[-1] == LONGEST_PAUSE * BOOT


def test_a_good_one_among_them_begins_the_count_anew() -> None:
    fleet = (lost(0, 1000.0, 70.0), lost(1, 2000.0, LEAST + 1), lost(2, 3000.0, 70.0))
    assert stay_until(ledger(*fleet)) == 3000.0 + 2 * BOOT


def test_what_is_lost_together_counts_once() -> None:
    assert stay_until(ledger(*(lost(number, 1000.0, 70.0) for number in range(5)))) == 1000.0 + 2 * BOOT


@pytest.mark.parametrize(("gap", "boot", "hours"), [(300.0, 180.0, 35.0), (600.0, 720.0, 26.0)])
def test_a_long_task_costs_hardly_more_than_on_demand_where_spot_flickers(
    gap: float, boot: float, hours: float
) -> None:
    """It went to spot each time that there was some, and back: that cost 15 to 24 % more than on demand."""
    trace = Trace(gap, (1, 0))
    world = Setting(traces={"vm": trace}, on_loss=OnLoss.TERMINATE, boot=boot, checkpoint=0.0)
    outcome = simulate(mission("adaptive", [24 * HOUR], 1, boot, world), hours * HOUR, world)
    assert outcome.deadline_met
    assert outcome.cost < 1.06 * 24 * 3.06
