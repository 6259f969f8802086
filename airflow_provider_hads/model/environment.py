"""What can be rented: instance types, markets, prices and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["Burstable", "Environment", "InstanceType", "Market"]


class Market(str, Enum):
    """How a VM is bought."""

    SPOT = "spot"
    """Cheap; EC2 may hibernate, stop or terminate it at any time."""

    ON_DEMAND = "on-demand"
    """Full price; never interrupted."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Burstable:
    """The CPU credit terms of a burstable instance type.

    :param credit_rate: credits earned an hour; 1 credit is 1 vCPU-minute at full speed.
    :param baseline: share of each vCPU that needs no credits, 0 to 1.
    """

    credit_rate: float
    baseline: float


@dataclass(frozen=True)
class InstanceType:
    """One type of VM.

    :param name: EC2's name of the type.
    :param vcpus: number of virtual CPUs.
    :param memory: MB.
    :param gflops: measured speed of the whole VM.
    :param prices: $/h by market; a market without a price is not offered.
    :param limits: most VMs at once by market; 0 where the market is not offered.
    :param burstable: credit terms, or None for a type of constant speed.
    """

    name: str
    vcpus: int
    memory: float
    gflops: float
    prices: Mapping[Market, float]
    limits: Mapping[Market, int]
    burstable: Burstable | None = None

    def offers(self, market: Market) -> bool:
        """Say whether the environment allows VMs of this type in that market."""
        return market in self.prices

    def price(self, market: Market) -> float:
        """Return the price in $/h.

        :raises KeyError: the market is not offered.
        """
        return self.prices[market]

    def limit(self, market: Market) -> int:
        """Return the most VMs of this type and market at once."""
        return self.limits.get(market, 0)


@dataclass(frozen=True)
class Environment:
    """All instance types of a job, and the limits over all of them.

    :param instance_types: by name.
    :param global_limits: most VMs at once by market, over all types.
    """

    instance_types: Mapping[str, InstanceType]
    global_limits: Mapping[Market, int]

    def global_limit(self, market: Market) -> int:
        """Return the most VMs of that market at once, over all types."""
        return self.global_limits.get(market, 0)
