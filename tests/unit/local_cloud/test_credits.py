"""CPU credits are earned by time and spent by processor time."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud.credits import CreditAccount, CreditTerms, credit_terms


@pytest.mark.parametrize(
    ("instance_type", "rate"), [("t2.micro", 6), ("t3.micro", 12), ("t3a.2xlarge", 192), ("t2.2xlarge", 81)]
)
def test_burstable_types_earn_credits(instance_type: str, rate: float) -> None:
    assert credit_terms(instance_type) == CreditTerms(rate)


@pytest.mark.parametrize("instance_type", ["c5.large", "t2.tiny", "t2", ""])
def test_other_types_have_none(instance_type: str) -> None:
    assert credit_terms(instance_type) is None


def test_an_idle_instance_earns_its_rate() -> None:
    account = CreditAccount(CreditTerms(6))

    account.run(1800, 0)

    assert account.balance == 3


def test_a_busy_vcpu_spends_a_credit_a_minute() -> None:
    account = CreditAccount(CreditTerms(6))
    account.run(3600, 0)

    account.run(60, 60)

    assert account.balance == pytest.approx(6 + 0.1 - 1)


def test_a_balance_is_never_below_nothing_nor_above_a_day() -> None:
    account = CreditAccount(CreditTerms(6))

    account.run(60, 600)
    assert account.balance == 0
    account.run(7 * 24 * 3600, 0)
    assert account.balance == 144
