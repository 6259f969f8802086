"""The building blocks' judgements: where an attempt stands, when a wait is over, what an event says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_hads.cloud.event_messages import event_of
from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import Instance, InstanceState
from airflow_provider_hads.model.identifiers import is_safe_name
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, TaskOrder, VmStatus
from airflow_provider_hads.runtime.blocks.following import Follower, TaskEnd
from airflow_provider_hads.runtime.blocks.identity import AirflowRun, safe_name
from airflow_provider_hads.runtime.blocks.interruptions import KINDS, first_interruption, told_interruption
from airflow_provider_hads.runtime.blocks.sighting import REBOOTED, Sighting, Standing, standing_of
from airflow_provider_hads.runtime.blocks.tickets import Ticket
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
RUN = RunIdentity("sweep", 0, "uid", "bucket")
SPOT = VmHandle(RUN, "spot", "i-1", "c5.large", Market.SPOT, True, 2, 4096.0, "ubuntu")
SAFE = replace(SPOT, vm_id="safe", instance_id="i-2", market=Market.ON_DEMAND, hibernation=False)
ORDER = TaskOrder("t.1", "t", 0, "true", "synthetic", "/work", 64.0)
AWAY = Sighting(None, None, "spot is stopped: hibernated")


def sighting(state: AttemptState | None, exit_code: int | None = None, error: str = "") -> Sighting:
    attempts = {}
    if state is not None:
        attempts["t.1"] = AttemptStatus("t.1", "t", state, exit_code=exit_code, error=error)
    return Sighting(None, VmStatus("boot", 1, 0, 0.0, 1, attempts=attempts))


class KnownTickets:
    """The tickets of one task, as far as a follower asks for them."""

    def __init__(self, *tickets: Ticket) -> None:
        self.tickets = list(tickets)

    def latest(self, task_id: str) -> Ticket | None:
        return self.tickets[-1]


FIRST, SECOND = Ticket(1, ORDER, SPOT), Ticket(2, replace(ORDER, attempt_id="t.2"), SAFE)


def follower(tickets: Any, patience: float = 30.0, until: float = 1000.0) -> Follower:
    return Follower(tickets, FIRST, patience=patience, until=until)


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        (sighting(AttemptState.QUEUED), Standing.WORKING),
        (sighting(AttemptState.RUNNING), Standing.WORKING),
        (sighting(AttemptState.UPLOADING), Standing.WORKING),
        (sighting(AttemptState.FINISHED, 0), Standing.ENDED),
        (sighting(AttemptState.FAILED, 3, "exit code 3"), Standing.ENDED),
        (sighting(AttemptState.FAILED, None, "no such image"), Standing.ENDED),
        (sighting(AttemptState.FAILED, None, REBOOTED), Standing.ASTRAY),
        (sighting(AttemptState.CANCELLED), Standing.ASTRAY),
        (sighting(None), Standing.ASTRAY),
        (AWAY, Standing.ASTRAY),
    ],
)
def test_where_an_attempt_stands(seen: Sighting, standing: Standing) -> None:
    assert standing_of("t.1", seen)[0] is standing


def test_a_wait_ends_with_the_attempt() -> None:
    following = follower(KnownTickets(FIRST))

    assert following.judge(sighting(AttemptState.RUNNING), 0) is None
    end = following.judge(sighting(AttemptState.FAILED, 3), 1)

    assert end is not None
    assert end.attempt is not None
    assert end.attempt.exit_code == 3
    assert TaskEnd.from_event(json.loads(json.dumps(end.to_event()))) == end


def test_a_vm_that_comes_back_in_time_has_cost_nothing() -> None:
    following = follower(KnownTickets(FIRST), patience=30)

    seen = [(AWAY, 0), (AWAY, 29), (sighting(AttemptState.RUNNING), 40), (AWAY, 50), (AWAY, 79)]

    assert [following.judge(one, now) for one, now in seen] == [None] * 5


def test_one_that_stays_away_ends_the_wait_with_the_reason() -> None:
    following = follower(KnownTickets(FIRST), patience=30)

    assert following.judge(AWAY, 0) is None
    end = following.judge(AWAY, 30)

    assert end == TaskEnd(
        problem="attempt t.1 was astray for 30 s, and nobody has moved its task: spot is stopped: hibernated"
    )


def test_a_task_that_was_moved_is_followed() -> None:
    tickets = KnownTickets(FIRST)
    following = follower(tickets, patience=30)
    assert following.judge(AWAY, 0) is None
    tickets.tickets.append(SECOND)

    assert following.judge(AWAY, 100) is None
    assert following.ticket == SECOND


def test_no_wait_is_longer_than_it_may_be() -> None:
    end = follower(KnownTickets(FIRST), until=10).judge(sighting(AttemptState.RUNNING), 10)

    assert end == TaskEnd(problem="attempt t.1 has not ended in time", late=True)


def described(state: InstanceState, reason: str = "") -> Instance:
    return Instance(
        "i-1", "spot", 0, 0, "c5.large", Market.SPOT, state, None, "key", NOW, state_reason=reason
    )


@pytest.mark.parametrize(
    ("state", "hibernation", "kind"),
    [
        (InstanceState.PENDING, True, None),
        (InstanceState.RUNNING, True, None),
        (InstanceState.STOPPING, True, "hibernated"),
        (InstanceState.STOPPED, True, "hibernated"),
        (InstanceState.STOPPED, False, "stopped"),
        (InstanceState.SHUTTING_DOWN, True, "terminated"),
        (InstanceState.TERMINATED, False, "terminated"),
    ],
)
def test_what_a_description_shows(state: InstanceState, hibernation: bool, kind: str | None) -> None:
    found = first_interruption([replace(SPOT, hibernation=hibernation)], [described(state, "why")], KINDS)

    assert (found.kind if found else None) == kind
    assert found is None or (found.vm_id, found.reason, found.source) == ("spot", "why", "describe")


def test_only_the_kinds_that_count_are_told_and_a_vm_that_is_not_shown_is_not_lost() -> None:
    assert first_interruption([SPOT], [described(InstanceState.STOPPED)], ["terminated"]) is None
    assert first_interruption([SPOT], [], KINDS) is None


def message(detail_type: str, **detail: str) -> str:
    envelope = {"id": "1", "time": "2025-01-01T00:00:00Z", "source": "aws.ec2", "detail-type": detail_type}
    return json.dumps({**envelope, "detail": detail})


WARNING, CHANGE = "EC2 Spot Instance Interruption Warning", "EC2 Instance State-change Notification"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (message(WARNING, **{"instance-id": "i-1", "instance-action": "hibernate"}), "hibernated"),
        (message(WARNING, **{"instance-id": "i-1", "instance-action": "stop"}), "notice"),
        (message(WARNING, **{"instance-id": "i-1", "instance-action": "terminate"}), "notice"),
        (message(WARNING, **{"instance-id": "i-9", "instance-action": "terminate"}), None),
        (message(CHANGE, **{"instance-id": "i-1", "state": "stopped"}), "hibernated"),
        (message(CHANGE, **{"instance-id": "i-1", "state": "terminated"}), "terminated"),
        (message(CHANGE, **{"instance-id": "i-1", "state": "running"}), None),
        (message("EC2 Instance Rebalance Recommendation", **{"instance-id": "i-1"}), None),
    ],
)
def test_what_an_event_says(body: str, kind: str | None) -> None:
    event = event_of(body)
    assert event is not None

    found = told_interruption([SAFE, SPOT], [event], KINDS)

    assert (found.kind if found else None) == kind
    assert told_interruption([SAFE, SPOT], [event], []) is None


@pytest.mark.parametrize(
    "name", ["task", "group.task", "a" * 200, "größe und mehr", "-", "a/../b", "x" * 48, "x" * 49]
)
def test_every_task_has_a_safe_name_of_its_own(name: str) -> None:
    assert is_safe_name(safe_name(name))
    assert len(safe_name(name)) <= 48
    assert safe_name(name) != safe_name(name + "2")


def test_a_runs_vms_are_told_apart_from_every_other_runs() -> None:
    run = AirflowRun("sweep", "manual__1", NOW)
    others = [replace(run, dag_id="other"), replace(run, run_id="manual__2")]

    assert run.uid("bucket") == AirflowRun("sweep", "manual__1", NOW).uid("bucket")
    assert run.uid("bucket") not in [run.uid("another"), *(one.uid("bucket") for one in others)]


@pytest.mark.parametrize("value", [None, "", "i-1", {}, {"run": {}}, ["i-1"]])
def test_what_is_no_vm_is_refused_with_what_to_give(value: object) -> None:
    with pytest.raises(InputError, match="is no VM: give what a ProvisionVmOperator returns"):
        VmHandle.from_xcom(value)
