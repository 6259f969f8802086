"""The meter counts while an instance is not stopped."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_hads.local_cloud.meter import Meter

START = datetime(2030, 1, 1, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_it_counts_from_the_start() -> None:
    assert Meter(START).seconds(at(90)) == 90


def test_it_does_not_count_what_lies_between_stop_and_start() -> None:
    meter = Meter(START)

    meter.stop(at(10))
    assert meter.seconds(at(100)) == 10
    meter.start(at(100))
    meter.start(at(105))

    assert meter.seconds(at(107)) == 17


def test_the_end_of_a_stopped_instance_adds_nothing() -> None:
    meter = Meter(START)
    meter.stop(at(10))

    meter.stop(at(50))

    assert meter.seconds(at(100)) == 10
