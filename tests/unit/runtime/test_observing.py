"""From calls that have ended to what the controller sees."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control import ActionResult, Observation, Silence
from airflow_provider_hads.exceptions import (
    CloudError,
    CommandFailed,
    EpochRefused,
    HostKeyMismatch,
    StorageError,
    VmUnreachable,
)
from airflow_provider_hads.model.fleet import InstanceState
from airflow_provider_hads.runtime.lanes import Ended
from airflow_provider_hads.runtime.observing import newest_by_vm, observe
from tests.support.control_examples import NOTHING, instance, status


def look(error: BaseException | None = None) -> Ended:
    return Ended("vm/vm-0", "exchange/vm-0", status() if error is None else None, error)


def test_without_calls_there_is_nothing_to_see() -> None:
    assert observe([]) == NOTHING
    assert observe([]).empty


def test_a_look_at_the_cloud_shows_the_fleet() -> None:
    seen = observe([Ended("describe", "describe", (instance("vm-0"), instance("vm-1")))])
    assert seen == Observation(fleet={"vm-0": instance("vm-0"), "vm-1": instance("vm-1")})


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
