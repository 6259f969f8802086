"""From calls that have ended to what the controller sees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control import ActionResult, Notice, NoticeKind, Observation, Silence
from airflow_provider_hads.exceptions import (
    CloudError,
    CommandFailed,
    EpochRefused,
    HostKeyMismatch,
    StorageError,
    VmUnreachable,
)
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind
from airflow_provider_hads.model.runner import VmNotice
from airflow_provider_hads.runtime.lanes import Ended
from airflow_provider_hads.runtime.observing import (
    Look,
    begun_at,
    events_of,
    newest_by_vm,
    notices_of,
    observe,
)
from tests.support.control_examples import NOTHING, at, instance, status


def look(error: BaseException | None = None) -> Ended:
    return Ended("vm/vm-0", "exchange/vm-0", status() if error is None else None, error)


def described(*instances: Instance, begun: float = 0) -> Ended:
    return Ended("describe", "describe", Look(at(begun), instances))


def test_without_calls_there_is_nothing_to_see() -> None:
    assert observe([]) == NOTHING
    assert observe([]).empty


def test_a_look_at_the_cloud_shows_the_fleet() -> None:
    seen = observe([described(instance("vm-0"), instance("vm-1"))])
    assert seen == Observation(fleet={"vm-0": instance("vm-0"), "vm-1": instance("vm-1")})


def test_of_two_looks_at_the_cloud_the_later_one_counts() -> None:
    looks = [described(instance("vm-0"), begun=5), described(instance("vm-1"), begun=9)]
    assert observe(looks) == Observation(fleet={"vm-1": instance("vm-1")})
    assert begun_at([*looks, Ended("describe", "describe", error=CloudError("Throttling"))]) == at(9)
    assert begun_at([]) is None


def test_a_cloud_that_does_not_answer_shows_nothing_which_is_not_an_empty_fleet() -> None:
    assert observe([Ended("describe", "describe", error=CloudError("Throttling"))]).fleet is None


def test_an_answer_is_a_status_and_each_silence_has_its_reason() -> None:
    assert observe([look()]).statuses == {"vm-0": status()}
    for error, silence in (
        (VmUnreachable("timed\nout"), Silence("timed out")),
        (CommandFailed("no such file"), Silence("no such file", undeployed=True)),
        (HostKeyMismatch("other key"), Silence("other key", hopeless=True)),
        (VmUnreachable(""), Silence("VmUnreachable")),
    ):
        assert observe([look(error)]) == Observation(silences={"vm-0": silence})


def test_a_vms_last_word_counts() -> None:
    assert observe([look(VmUnreachable("timed out")), look()]) == Observation(statuses={"vm-0": status()})
    assert observe([look(), look(VmUnreachable("x"))]) == Observation(silences={"vm-0": Silence("x")})


def test_the_answer_to_an_action_is_news_of_the_vm_as_well() -> None:
    """Else the tasks just enqueued would seem to be missing until the next look."""
    old, new = status(boot_id="old"), status(boot_id="new")
    seen = observe([Ended("vm/vm-0", "exchange/vm-0", old), Ended("vm/vm-0", "deploy/vm-0", new)])
    assert seen == Observation(statuses={"vm-0": new}, results=(ActionResult("deploy/vm-0"),))


def test_an_action_that_failed_has_its_reason_in_one_line() -> None:
    seen = observe([Ended("publish/3", "publish/7", error=StorageError("no\n such bucket"))])
    assert seen == Observation(results=(ActionResult("publish/7", "no such bucket"),))
    seen = observe([Ended("vm/vm-0", "deploy/vm-0", error=HostKeyMismatch("other key"))])
    assert seen.results == (ActionResult("deploy/vm-0", "other key", hopeless=True),)


@pytest.mark.parametrize("key", ["exchange/vm-0", "deploy/vm-0", "lease/vm-0"])
def test_a_controller_that_is_refused_ends(key: str) -> None:
    with pytest.raises(EpochRefused):
        observe([Ended("vm/vm-0", key, error=EpochRefused("epoch 1 is refused"))])


@pytest.mark.parametrize(
    ("lane", "key"),
    [
        ("describe", "describe"),
        ("vm/vm-0", "exchange/vm-0"),
        ("vm/vm-0", "deploy/vm-0"),
        ("publish/1", "publish/a"),
    ],
)
@pytest.mark.parametrize("error", [KeyError("attempts"), TypeError("not callable"), SystemExit(1)])
def test_a_fault_of_the_program_is_not_swallowed(lane: str, key: str, error: BaseException) -> None:
    with pytest.raises(type(error)):
        observe([Ended(lane, key, error=error)])


def test_of_several_instances_of_a_vm_the_living_one_counts_then_the_latest() -> None:
    gone, early, late = (
        instance(instance_id="i-gone", state=InstanceState.TERMINATED, launched=90),
        instance(instance_id="i-early", launched=10),
        instance(instance_id="i-late", launched=20),
    )
    assert newest_by_vm([late, gone, early]) == {"vm-0": late}
    assert newest_by_vm([early, gone]) == {"vm-0": early}
    earlier_gone = instance(instance_id="i-0", state=InstanceState.TERMINATED, launched=1)
    assert newest_by_vm([gone, earlier_gone]) == {"vm-0": gone}


def test_vms_of_before_the_run_was_cleared_are_not_its_own() -> None:
    old, new = instance("vm-0"), replace(instance("g1-vm-0"), generation=1)
    assert observe([described(old, new)], generation=1).fleet == {"g1-vm-0": new}


def test_a_notice_that_a_vms_runner_tells_of_is_seen_but_hibernation_has_none() -> None:
    warned = replace(status(), notice=VmNotice("stop", 28.5))
    assert observe([Ended("vm/vm-0", "exchange/vm-0", warned)]).notices == {
        "vm-0": Notice(NoticeKind.STOP, 28.5)
    }
    frozen = replace(status(), notice=VmNotice("hibernate", 0))
    assert observe([Ended("vm/vm-0", "exchange/vm-0", frozen)]).notices == {}


def test_an_event_announces_an_interruption_two_minutes_ahead() -> None:
    event = CloudEvent(
        "e", "i-vm-0", CloudEventKind.INTERRUPTION, at(100), interruption=InterruptionKind.TERMINATE
    )
    told = notices_of([event], {"vm-0": instance("vm-0")}, at(130))
    assert told == {"vm-0": Notice(NoticeKind.TERMINATE, 90)}


def test_events_that_can_not_be_read_are_none() -> None:
    failed = Ended("events", "events", error=CloudError("AccessDenied"))
    assert observe([failed]) == NOTHING
    assert events_of([failed]) == []
