"""Recorded availability: what a trace says of how many VMs there may be."""

from __future__ import annotations

import json
import re
from typing import Any

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


@pytest.mark.parametrize(
    ("gap", "data", "complaint"),
    [
        ("NaN", "[1]", "metadata.gap_seconds is NaN; give seconds, a number from 0.001 to 1e+09"),
        ("Infinity", "[1]", "metadata.gap_seconds is Infinity"),
        ("1e-9", "[1]", "metadata.gap_seconds is 1e-09"),
        ("1e300", "[1]", "metadata.gap_seconds is 1e+300"),
        ("0", "[1]", "metadata.gap_seconds is 0"),
        ("true", "[1]", "metadata.gap_seconds is true"),
        ('"60"', "[1]", 'metadata.gap_seconds is "60"'),
        ("60", "[1, Infinity]", "data[1] is Infinity; give a whole number, 0 or more"),
        ("60", "[0.5]", "data[0] is 0.5"),
        ("60", '["1"]', 'data[0] is "1"'),
        ("60", "[true]", "data[0] is true"),
        ("60", "[1, -1]", "data[1] is -1"),
        ("60", "[[1]]", "data[0] is [1]"),
        ("60", '{"1": 0}', 'data is {"1": 0}; give a list of counts'),
        ("60", '"111"', 'data is "111"'),
        ("60", "[]", "data is []"),
        ("60", f'"{"1" * 90}"', f'data is "{"1" * 39}...; give'),
    ],
)
def test_what_is_no_trace_is_refused_with_its_field_and_value(gap: str, data: str, complaint: str) -> None:
    document = json.loads(f'{{"metadata": {{"gap_seconds": {gap}}}, "data": {data}}}')
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Trace.from_document(document)


@pytest.mark.parametrize("document", [{}, [], {"metadata": 5, "data": [1]}, {"metadata": {}, "data": [1]}])
def test_a_document_without_a_traces_fields_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="a trace has metadata.gap_seconds and data"):
        Trace.from_document(document)


def test_the_gap_may_have_a_fraction() -> None:
    assert Trace.from_document({"metadata": {"gap_seconds": 0.5}, "data": [0, 7]}) == Trace(0.5, (0, 7))


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
