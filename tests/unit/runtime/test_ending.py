"""When all VMs of a run have ended, their prices are asked for, and their last events are taken away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_provider_hads.exceptions import CloudError, ThrottledError
from airflow_provider_hads.runtime import ending
from airflow_provider_hads.runtime.workshop import Workshop
from tests.support.control_examples import instance


def workshop(*answers: object) -> Workshop:
    """Return a workshop whose fleet answers so, call by call, when it is asked for prices."""
    left = list(answers)

    def spot_prices_paid(_: object) -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return cast(Workshop, SimpleNamespace(fleet_to_end=SimpleNamespace(spot_prices_paid=spot_prices_paid)))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("airflow_provider_hads.runtime.ending.time.sleep", taken.append)
    return taken


def test_prices_are_asked_for_again_where_the_cloud_was_asked_too_often(pauses: list[float]) -> None:
    throttled = ThrottledError("RequestLimitExceeded")
    asked = workshop(throttled, throttled, {"i-0": 0.03})

    assert ending._prices_paid(asked, [instance()]) == {"i-0": {"price": 0.03}}
    assert pauses == [ending.PRICE_PAUSE] * 2


def test_but_not_for_ever_and_not_where_that_is_of_no_use(pauses: list[float]) -> None:
    throttled = [ThrottledError("RequestLimitExceeded")] * ending.PRICE_TRIES

    assert ending._prices_paid(workshop(*throttled), [instance()]) == {}
    assert len(pauses) == ending.PRICE_TRIES - 1
    assert ending._prices_paid(workshop(CloudError("UnauthorizedOperation")), [instance()]) == {}
    assert len(pauses) == ending.PRICE_TRIES - 1


class Queue:
    """A queue that gives so many events at each look."""

    def __init__(self, *given: int) -> None:
        self.given = [*given]
        self.asked: list[object] = []

    def receive(self, instance_ids: object) -> tuple[str, ...]:
        self.asked.append(instance_ids)
        return ("event",) * self.given.pop(0)


def test_the_last_events_of_a_run_are_taken_off_the_queue() -> None:
    queue = Queue(50, 3, 0, 50)

    ending._take_off_the_queue(cast(Workshop, SimpleNamespace(events=queue)), {"i-0"})

    assert queue.asked == [{"i-0"}] * 3


def test_a_queue_that_is_never_empty_does_not_hold_up_the_end() -> None:
    queue = Queue(*[50] * 1000)

    ending._take_off_the_queue(cast(Workshop, SimpleNamespace(events=queue)), {"i-0"})

    assert len(queue.asked) == ending.LAST_LOOKS


@pytest.mark.parametrize("events", [None, SimpleNamespace(receive=lambda _: _refuse())])
def test_a_run_ends_without_a_queue_and_with_one_that_refuses(events: object) -> None:
    ending._take_off_the_queue(cast(Workshop, SimpleNamespace(events=events)), {"i-0"})


def _refuse() -> None:
    raise CloudError("ReceiveMessage: AccessDenied")
