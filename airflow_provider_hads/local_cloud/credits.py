"""CPU credits of burstable instances, as EC2 accounts for them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CreditAccount", "CreditTerms", "credit_terms"]

SECONDS_OF_AN_HOUR = 3600.0
SECONDS_OF_A_CREDIT = 60.0
"""One credit is one vCPU at full speed for a minute."""
HOURS_KEPT = 24.0
"""An account holds at most what it earns in a day."""

# Credits an hour, from EC2's documentation; t3a has the rates of t3.
_T2 = {"nano": 3, "micro": 6, "small": 12, "medium": 24, "large": 36, "xlarge": 54, "2xlarge": 81}
_T3 = {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192}
_FAMILIES = {"t2": _T2, "t3": _T3, "t3a": _T3}


@dataclass(frozen=True)
class CreditTerms:
    """How a burstable type earns credits.

    :param rate: credits an hour.
    """

    rate: float

    @property
    def most(self) -> float:
        """The largest balance."""
        return self.rate * HOURS_KEPT


def credit_terms(instance_type: str) -> CreditTerms | None:
    """Return the terms of a type; None where it is not burstable."""
    family, _, size = instance_type.partition(".")
    rate = _FAMILIES.get(family, {}).get(size)
    return None if rate is None else CreditTerms(float(rate))


class CreditAccount:
    """The credits of one instance: earned while it runs, spent by its processor time.

    The balance is 0 at the launch. It stays where it is while the instance is stopped or hibernated.

    :param terms: of its type.
    """

    def __init__(self, terms: CreditTerms) -> None:
        self._terms = terms
        self.balance = 0.0

    def run(self, seconds: float, cpu_seconds: float) -> None:
        """Account for some time for which the instance ran.

        :param seconds: how long.
        :param cpu_seconds: processor time it used, all vCPUs together.
        """
        earned = seconds * self._terms.rate / SECONDS_OF_AN_HOUR
        balance = self.balance + earned - cpu_seconds / SECONDS_OF_A_CREDIT
        self.balance = min(max(balance, 0.0), self._terms.most)
