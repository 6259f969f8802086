"""Recorded availability: what a trace says of how many VMs there may be."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.simulation import OnLoss, Setting, simulate
from airflow_provider_hads.simulation.traces import ANY_NUMBER, Trace
from tests.support.simulated_jobs import environment, job

HOUR = 3600.0


def test_zeros_and_ones_tell_whether_not_how_many() -> None:
    assert list(Trace(60.0, [1, 1, 0]).changes(0.0, 180.0)) == [(0.0, ANY_NUMBER), (120.0, 0)]


def test_counts_are_counts() -> None:
    assert list(Trace(60.0, [3, 1]).changes(30.0, 120.0)) == [(0.0, 3), (30.0, 1), (90.0, 3)]


FLICKER, HOURLY = Trace(60.0, [1, 0]), Trace(3600.0, [1, 0, 1, 1, 0])
ALWAYS, NEVER = Trace(600.0, [1]), Trace(600.0, [0])


@pytest.mark.parametrize("policy", ["adaptive", "uniform-progress"])
@pytest.mark.parametrize(
    "trace", [FLICKER, HOURLY, ALWAYS, NEVER], ids=["flicker", "hourly", "always", "never"]
)
@pytest.mark.parametrize("boot", [180.0, 720.0])
def test_a_long_task_that_keeps_its_progress_is_in_time(trace: Trace, policy: str, boot: float) -> None:
    mission = Mission(job(20 * HOUR), environment(limit=1), policy, boot=boot, keeps_progress=True)
    world = Setting(
        traces={"small": trace, "big": trace}, on_loss=OnLoss.TERMINATE, boot=boot, checkpoint=0.0
    )
    assert all(simulate(mission, 23 * HOUR, world, run).deadline_met for run in range(3))


def test_a_long_task_goes_back_to_spot_where_only_one_vm_of_each_market_may_run() -> None:
    mission = Mission(job(20 * HOUR), environment(limit=1), boot=720.0, keeps_progress=True)
    world = Setting(
        traces={"small": HOURLY, "big": HOURLY}, on_loss=OnLoss.TERMINATE, boot=720.0, checkpoint=0.0
    )
    events = simulate(mission, 23 * HOUR, world, events=True).events
    reasons = [event["reason"] for event in events if event["event"] == "decision"]
    assert "spot-instead" in reasons
