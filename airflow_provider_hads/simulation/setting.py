"""In what world a run is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from airflow_provider_hads.simulation.billing import Billing
from airflow_provider_hads.simulation.traces import Trace

__all__ = ["SCENARIOS", "OnLoss", "Scope", "Setting"]


class Scope(str, Enum):
    """What an interruption hits."""

    VM = "vm"
    """One VM."""

    TYPE = "type"
    """All VMs of a type at once."""

    ZONE = "zone"
    """All spot VMs of a zone at once."""

    def __str__(self) -> str:
        return self.value


class OnLoss(str, Enum):
    """What an interruption does to a VM."""

    HIBERNATE = "hibernate"
    TERMINATE = "terminate"

    def __str__(self) -> str:
        return self.value


SCENARIOS: Mapping[str, tuple[float, float]] = {
    "baseline": (0.0, 0.0),
    "c1": (1 / 2100, 0.0),
    "c2": (1 / 540, 0.0),
    "c3": (1 / 2100, 1 / 420),
    "c4": (1 / 420, 1 / 420),
    "c5": (1 / 700, 1 / 840),
}
"""Hibernations and resumes a second, by name, as in the experiments of the original (IEEE Transactions on
Cloud Computing 11(1), 2023)."""


@dataclass(frozen=True)
class Setting:
    """The world of a simulated run.

    :param hibernation_rate: interruptions a second of whatever the scope names (Poisson).
    :param resume_rate: resumes a second, likewise.
    :param traces: recorded availability by spot type; such types follow them instead of the rates.
    :param boot: seconds from a launch to the first task.
    :param checkpoint: seconds a task runs between two checkpoints; 0 is continuous, None is never.
    :param estimate_error: sigma of the lognormal factor by which tasks take longer than estimated.
    :param billing: how the VMs are paid for.
    :param seed: of everything that is drawn; run ``n`` of a seed is always the same.
    """

    hibernation_rate: float = 0.0
    resume_rate: float = 0.0
    scope: Scope = Scope.VM
    on_loss: OnLoss = OnLoss.HIBERNATE
    traces: Mapping[str, Trace] = field(default_factory=dict)
    boot: float = 180.0
    checkpoint: float | None = None
    estimate_error: float = 0.0
    billing: Billing = Billing.PER_SECOND
    seed: int = 0
