"""EC2 calls go wrong at random, but always the same ones for a seed."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.fault_rates import ApiFault, FaultDice, FaultRate


def drawn(seed: int, count: int = 2000) -> list[bool]:
    """Which of some calls are throttled at a rate of 20 %."""
    dice = FaultDice()
    dice.set(FaultRate(ApiFault.THROTTLE, 0.2, seed))
    return [dice.draw("DescribeInstances").fault is not None for _ in range(count)]


def test_the_share_is_kept() -> None:
    assert 0.17 < sum(drawn(1)) / 2000 < 0.23


def test_a_seed_draws_the_same_again_and_another_one_others() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [(ApiFault.THROTTLE, "RequestLimitExceeded", 503), (ApiFault.ERROR, "InternalError", 500)],
)
def test_errors_have_ec2_s_codes(kind: ApiFault, code: str, status: int) -> None:
    dice = FaultDice()
    dice.set(FaultRate(kind, 1.0))

    fault = dice.draw("RunInstances").fault

    assert fault is not None
    assert (fault.code, fault.status) == (code, status)


def test_a_slow_call_is_carried_out() -> None:
    dice = FaultDice()
    dice.set(FaultRate(ApiFault.SLOW, 1.0, delay=0.5))

    assert (dice.draw("RunInstances").delay, dice.draw("RunInstances").fault) == (0.5, None)


def test_a_rate_of_zero_ends_it_and_leaves_other_kinds() -> None:
    dice = FaultDice()
    dice.set(FaultRate(ApiFault.ERROR, 1.0))
    dice.set(FaultRate(ApiFault.SLOW, 1.0))

    dice.set(FaultRate(ApiFault.ERROR, 0.0))

    assert dice.draw("RunInstances").fault is None
    assert dice.draw("RunInstances").delay == 2.0


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_share(rate: float) -> None:
    with pytest.raises(InputError, match="give a share, 0 to 1"):
        FaultRate(ApiFault.ERROR, rate)
