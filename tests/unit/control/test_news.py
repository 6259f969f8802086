"""What an event changes is what the next description would say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_hads.control.news import Told, look_after_events, news_of
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind
from tests.support.control_examples import at, instance

VM = instance()


def told(state: InstanceState, instance_id: str = VM.instance_id, moment: float = 0) -> CloudEvent:
    """A change of state."""
    return CloudEvent(f"{state}{moment}", instance_id, CloudEventKind.STATE, at(moment), state=state)


def announced(interruption: InterruptionKind) -> CloudEvent:
    """An interruption warning."""
    kind = CloudEventKind.INTERRUPTION
    return CloudEvent("warning", VM.instance_id, kind, at(0), interruption=interruption)


REBALANCE = CloudEvent("rebalance", VM.instance_id, CloudEventKind.REBALANCE, at(0))


def after(*events: CloudEvent, before: Instance = VM) -> Instance:
    """The VM after some events."""
    return news_of(events, {"vm-0": before}).instances.get("vm-0", before)


def test_a_hibernation_begins_with_its_notice() -> None:
    news = news_of([announced(InterruptionKind.HIBERNATE)], {"vm-0": VM})

    assert news.instances["vm-0"].state is InstanceState.STOPPING
    assert news.instances["vm-0"].hibernated
    assert news.notices == ()
    assert not news.incomplete


def test_a_hibernated_vm_stays_hibernated_when_it_has_stopped() -> None:
    vm = after(announced(InterruptionKind.HIBERNATE), told(InstanceState.STOPPED))

    assert vm.hibernated
    assert vm.address is None


def test_a_stop_whose_kind_is_not_known_yet_is_looked_at() -> None:
    news = news_of([told(InstanceState.STOPPING)], {"vm-0": VM})

    assert news.incomplete
    assert after(told(InstanceState.STOPPING), announced(InterruptionKind.HIBERNATE)).hibernated


def test_a_stop_that_is_announced_leaves_the_vm_running_until_it_happens() -> None:
    warning = announced(InterruptionKind.STOP)

    news = news_of([warning], {"vm-0": VM})

    assert news.instances == {}
    assert news.notices == (warning,)


def test_a_stop_of_before_the_last_start_changes_nothing() -> None:
    running = replace(VM, started_at=at(40))
    assert after(told(InstanceState.STOPPING, moment=12), before=running) == running


@pytest.mark.parametrize("moment", [12, 40])
def test_a_hibernation_that_was_announced_before_the_last_start_is_over(moment: int) -> None:
    running = replace(VM, started_at=at(40))
    warning = replace(announced(InterruptionKind.HIBERNATE), at=at(moment))

    news = news_of([warning], {"vm-0": running})

    assert (dict(news.instances), news.notices, dict(news.told)) == ({}, (), {})


def test_a_start_of_before_the_last_stop_wakes_nobody() -> None:
    asleep = replace(HIBERNATED, stopped_at=at(40))

    assert after(told(InstanceState.RUNNING, moment=12), before=asleep) == asleep
    assert after(told(InstanceState.RUNNING, moment=40), before=asleep).state is InstanceState.RUNNING


def test_a_rebalance_recommendation_is_a_notice_and_changes_nothing() -> None:
    news = news_of([REBALANCE], {"vm-0": VM})

    assert (dict(news.instances), news.notices, news.incomplete) == ({}, (REBALANCE,), False)


def test_a_vm_that_comes_back_has_an_address_that_only_a_description_tells() -> None:
    hibernated = replace(VM, state=InstanceState.STOPPED, interruption=InterruptionKind.HIBERNATE)

    news = news_of([told(InstanceState.PENDING), told(InstanceState.RUNNING)], {"vm-0": hibernated})

    back = news.instances["vm-0"]
    assert (back.state, back.address, back.interruption) == (InstanceState.RUNNING, None, None)
    assert news.incomplete


def test_a_booting_vm_that_runs_keeps_its_address() -> None:
    vm = after(told(InstanceState.RUNNING), before=replace(VM, state=InstanceState.PENDING))

    assert (vm.state, vm.address) == (InstanceState.RUNNING, VM.address)


def test_nothing_comes_back_from_the_dead() -> None:
    late = [told(InstanceState.RUNNING), announced(InterruptionKind.HIBERNATE), REBALANCE]

    assert after(told(InstanceState.TERMINATED), *late).state is InstanceState.TERMINATED
    assert news_of([told(InstanceState.SHUTTING_DOWN), *late], {"vm-0": VM}).notices == ()


def test_a_vm_that_is_not_known_is_to_be_looked_at() -> None:
    news = news_of([told(InstanceState.PENDING, "i-new")], {"vm-0": VM})

    assert news.instances == {}
    assert news.incomplete


def test_what_is_known_already_is_no_news() -> None:
    news = news_of([told(InstanceState.RUNNING)], {"vm-0": VM})

    assert (dict(news.instances), news.incomplete) == ({}, False)


HIBERNATING = replace(VM, state=InstanceState.STOPPING, interruption=InterruptionKind.HIBERNATE, address=None)
HIBERNATED = replace(HIBERNATING, state=InstanceState.STOPPED)
BACK = replace(VM, address=None)
ENDED = replace(VM, state=InstanceState.TERMINATED, address=None)


def shown(seen: Instance, begun: float, told: Instance, moment: float = 10) -> Instance:
    """What is taken from a look that shows ``seen``, where an event has told ``told``."""
    (taken,) = look_after_events({"vm-0": seen}, at(begun), {"vm-0": Told(told, at(moment))}).values()
    return taken


@pytest.mark.parametrize("begun", [9.8, 10.2, 14])
@pytest.mark.parametrize("told", [HIBERNATING, HIBERNATED, ENDED])
def test_a_look_that_still_shows_a_vm_as_it_was_before_an_event_does_not_undo_it(
    told: Instance, begun: float
) -> None:
    assert shown(VM, begun, told) == told


def test_what_goes_on_after_an_event_is_taken_from_a_look() -> None:
    assert shown(HIBERNATED, 12, HIBERNATING) == HIBERNATED
    assert shown(replace(VM, address="10.0.0.9"), 12, BACK).address == "10.0.0.9"
    assert shown(VM, 12, replace(BACK, state=InstanceState.PENDING)) == VM


def test_an_address_of_before_a_sleep_is_not_taken_for_that_of_after_it() -> None:
    assert shown(VM, 9, BACK).address is None


def test_an_end_that_a_look_shows_counts_whatever_an_event_has_told() -> None:
    assert shown(ENDED, 9, HIBERNATING) == ENDED


def test_a_look_that_is_long_after_an_event_counts() -> None:
    assert shown(VM, 15.1, HIBERNATING) == VM, "the event of its resume may be lost"


def test_an_event_says_nothing_of_another_instance_of_the_vm_and_of_other_vms() -> None:
    other = replace(VM, instance_id="i-other")
    assert shown(other, 9, HIBERNATING) == other
    assert look_after_events({"vm-1": VM}, at(9), {"vm-0": Told(HIBERNATING, at(10))}) == {"vm-1": VM}


def test_the_last_event_of_a_vm_s_state_is_remembered_though_it_changes_nothing() -> None:
    stop = announced(InterruptionKind.STOP)
    events = [told(InstanceState.STOPPED, moment=7), stop, REBALANCE]
    assert news_of(events, {"vm-0": HIBERNATED}).told == {"vm-0": Told(HIBERNATED, at(7))}
    assert news_of([announced(InterruptionKind.HIBERNATE)], {"vm-0": VM}).told["vm-0"].instance.hibernated
    assert news_of([stop, REBALANCE], {"vm-0": VM}).told == {}
