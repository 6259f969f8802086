from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hads.vm.runner.lease import Lease
from airflow_provider_hads.vm.runner.store import Store


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(tmp_path: Path, clock: Clock) -> Lease:
    return Lease(Store(tmp_path), clock)


def test_a_lease_ends_when_its_time_has_come(lease: Lease, clock: Clock) -> None:
    lease.renew(1010.0)
    assert not lease.over()
    clock.now = 1010.0
    assert lease.over()


def test_the_expiry_is_a_whole_number_for_the_shell(lease: Lease, tmp_path: Path) -> None:
    lease.renew(1010.25)
    assert (tmp_path / "expiry").read_text() == "1011\n"
    assert lease.expiry() == 1011.0


@pytest.mark.parametrize("content", [None, "", "soon", "nan"])
def test_without_a_readable_expiry_the_vm_ends_in_an_hour(
    lease: Lease, clock: Clock, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "expiry").write_text(content)
    assert lease.expiry() == 4600.0
    clock.now = 4599.0
    assert not lease.over()
    clock.now = 4600.0
    assert lease.over()
