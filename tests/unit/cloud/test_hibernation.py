"""When an interruption can hibernate a VM."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from airflow_provider_hads.cloud.hibernation import Interruption, RootVolume, interruption_of
from airflow_provider_hads.cloud.instance_types import ImageFacts, TypeFacts
from airflow_provider_hads.model import Market, RunIdentity
from airflow_provider_hads.model.fleet import LaunchOrder

RUN = RunIdentity("12", 0, "uid-1", "results")
EXPIRES_AT = datetime(2030, 1, 1, tzinfo=timezone.utc)
ORDER = LaunchOrder(RUN, "vm-0", 0, 0, "m5.large", 8000.0, Market.SPOT, False, EXPIRES_AT)
FACTS = TypeFacts("m5.large", 2, 8192.0, True, ("x86_64",))
IMAGE = ImageFacts("ami-1", "/dev/xvda", 8, "x86_64")


def test_the_root_volume_holds_the_image_and_the_memory() -> None:
    assert interruption_of(ORDER, FACTS, IMAGE) == Interruption(RootVolume("/dev/xvda", 8 + 8))


def test_memory_is_rounded_up_to_whole_gib() -> None:
    interruption = interruption_of(replace(ORDER, memory=8193.0), FACTS, IMAGE)

    assert interruption.root_volume == RootVolume("/dev/xvda", 8 + 9)


def test_an_on_demand_vm_is_never_interrupted() -> None:
    assert interruption_of(replace(ORDER, market=Market.ON_DEMAND), FACTS, IMAGE) == Interruption()


@pytest.mark.parametrize(
    ("facts", "image", "reason"),
    [
        (None, IMAGE, "says nothing about the type m5.large"),
        (replace(FACTS, hibernation=False), IMAGE, "does not support hibernation"),
        (replace(FACTS, memory=150 * 1024.0), IMAGE, "150 GiB of RAM are too much"),
        (FACTS, None, "root volume is not known"),
        (FACTS, replace(IMAGE, root_device=""), "root volume is not known"),
        (FACTS, replace(IMAGE, root_size=0), "root volume is not known"),
    ],
)
def test_otherwise_the_vm_terminates_and_the_note_says_why(
    facts: TypeFacts | None, image: ImageFacts | None, reason: str
) -> None:
    interruption = interruption_of(ORDER, facts, image)

    assert interruption.root_volume is None
    assert reason in interruption.note


def test_just_below_150_gib_can_hibernate() -> None:
    assert interruption_of(ORDER, replace(FACTS, memory=149 * 1024.0), IMAGE).root_volume is not None
