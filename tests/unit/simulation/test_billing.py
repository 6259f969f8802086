"""What is paid of the time that a VM is awake."""

from __future__ import annotations

import pytest

from airflow_provider_hads.model import Market
from airflow_provider_hads.simulation import Billing


@pytest.mark.parametrize(
    ("seconds", "market", "first", "interrupted", "paid"),
    [
        (30.0, Market.ON_DEMAND, True, False, 60.0),
        (90.0, Market.SPOT, True, False, 90.0),
        (1800.0, Market.SPOT, True, True, 0.0),
        (1800.0, Market.SPOT, False, True, 1800.0),
        (3601.0, Market.SPOT, True, True, 3601.0),
        (10.0, Market.SPOT, False, True, 60.0),
    ],
)
def test_as_ec2_bills(seconds: float, market: Market, first: bool, interrupted: bool, paid: float) -> None:
    assert Billing.EC2.billed(seconds, market, first=first, interrupted=interrupted) == paid
    assert Billing.PER_SECOND.billed(seconds, market, first=first, interrupted=interrupted) == seconds
