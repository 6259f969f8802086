"""What of the time that a VM is awake is paid for."""

from __future__ import annotations

from enum import Enum

from airflow_provider_hads.model.environment import Market

__all__ = ["Billing"]

LEAST_SECONDS = 60.0
"""Each start of an EC2 instance is billed for at least so long."""

FREE_SECONDS = 3600.0
"""A spot instance that EC2 interrupts within so long of its launch is free up to then."""


class Billing(str, Enum):
    """How VMs are billed."""

    PER_SECOND = "per-second"
    """Each second that a VM is awake, from its launch to its end; its boot too."""

    EC2 = "ec2"
    """As Amazon EC2 bills Linux: at least a minute for each start, nothing for a spot VM that it interrupts
    within an hour of its launch ("Billing for interrupted Spot Instances", Amazon EC2 User Guide)."""

    def __str__(self) -> str:
        return self.value

    def billed(self, seconds: float, market: Market, *, first: bool, interrupted: bool) -> float:
        """Return the seconds that are paid for of a stretch in which a VM was awake.

        :param seconds: its length.
        :param first: whether it began with the VM's launch, rather than with a resume.
        :param interrupted: whether the cloud ended it, rather than the user.
        """
        if self is Billing.PER_SECOND:
            return seconds
        if market is Market.SPOT and first and interrupted and seconds < FREE_SECONDS:
            return 0.0
        return max(seconds, LEAST_SECONDS)
