"""Faults are used up in order, each by the calls it is for."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.faults import FAIL_AFTER, Fault, FaultBook, RequestLog


def test_a_fault_happens_as_often_as_it_says() -> None:
    book = FaultBook()
    book.add(Fault("RunInstances", count=2))

    assert [book.take("RunInstances", "") is not None for _ in range(3)] == [True, True, False]


def test_a_fault_is_for_its_own_action_and_parameters() -> None:
    book = FaultBook()
    fault = Fault("RunInstances", mode=FAIL_AFTER, match="InstanceType=c4.large")
    book.add(fault)

    assert book.take("TerminateInstances", "InstanceType=c4.large") is None
    assert book.take("RunInstances", "InstanceType=c3.large") is None
    assert book.take("RunInstances", "a=b&InstanceType=c4.large") == fault


def test_faults_can_be_forgotten() -> None:
    book = FaultBook()
    book.add(Fault("RunInstances"))

    book.clear()

    assert book.take("RunInstances", "") is None


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="'later' is neither 'fail-before' nor 'fail-after'"):
        Fault("RunInstances", mode="later")


def test_calls_are_logged_by_action() -> None:
    log = RequestLog()
    log.add("RunInstances")
    log.add("RunInstances")

    times = log.times()

    assert list(times) == ["RunInstances"]
    assert times["RunInstances"] == sorted(times["RunInstances"])
    assert len(times["RunInstances"]) == 2
