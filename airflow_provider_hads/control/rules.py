"""The time limits a controller goes by."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rules"]


@dataclass(frozen=True)
class Rules:
    """Time limits, all in seconds.

    :param boot_timeout: from a VM's launch to its runner's first answer; later it is given up.
    :param deploy_timeout: for installing a runner on a VM that answers.
    :param margin: after the deadline, before the run gives up what is unfinished. Leases and spot requests
        end then too, at the latest; a shorter lease is renewed to the whole margin when half of it is left.
    :param standstill: a runner whose heartbeat has not risen for so long is started again.
    :param silence: a VM that runs by the cloud's word and has not answered for so long is given up.
    :param visibility: a new instance that the cloud does not show is not taken for lost before this time.
    """

    boot_timeout: float = 300.0
    deploy_timeout: float = 120.0
    margin: float = 600.0
    standstill: float = 60.0
    silence: float = 180.0
    visibility: float = 60.0
