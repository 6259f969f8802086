"""Spot capacity that is lost for less than the time between two looks."""

from __future__ import annotations

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.orders import FIRST_PAUSE
from airflow_provider_hads.model import Environment, InstanceType, Job, Market, Task
from airflow_provider_hads.simulation import OnLoss, Setting, simulate
from airflow_provider_hads.simulation.traces import Trace

HOUR = 3600.0
CHANGEOVER = 720.0


def test_work_that_keeps_its_progress_goes_on_as_soon_as_there_is_capacity_again() -> None:
    limits = dict.fromkeys(Market, 1)
    prices = {Market.SPOT: 0.918, Market.ON_DEMAND: 3.06}
    kind = InstanceType("vm", 1, 61000.0, 10.0, prices, limits)
    job = Job("1", "one long task", {"0": Task("0", "true", 100.0, {"vm": 4 * HOUR})})
    mission = Mission(
        job, Environment({"vm": kind}, limits), "adaptive", boot=CHANGEOVER, keeps_progress=True
    )
    an_hour_up_then_a_tick_away = Trace(30.0, [1] * 120 + [0])
    setting = Setting(
        traces={"vm": an_hour_up_then_a_tick_away}, on_loss=OnLoss.TERMINATE, boot=CHANGEOVER, checkpoint=0.0
    )

    outcome = simulate(mission, 12 * HOUR, setting, 0, events=True)

    assert outcome.deadline_met
    lost = [event["t"] for event in outcome.events if event["event"] == "task_interrupted"]
    launched = [event["t"] for event in outcome.events if event.get("market") == Market.SPOT.value]
    assert len(lost) >= 3
    for at in lost:
        assert min(t for t in launched if t > at) - at <= FIRST_PAUSE + 1
