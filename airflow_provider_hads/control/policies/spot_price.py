"""What work costs on spot VMs with what is lost on them, beside what it costs on demand."""

from __future__ import annotations

import math

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.model.environment import InstanceType, Market

__all__ = ["cheaper_types", "will_come_back"]

PRIOR_LOSSES = 1 / 1000
"""Losses a second of a spot VM, before any was seen."""

LOSSES_WEIGHT = 0.3
"""Losses that this prior counts for, of each VM of the fleet: a few VMs that die young are enough to tell; a
fleet that is lost at once tells no more than one VM."""

PRIOR_RESUME = 1 / 600
"""Resumes a second of a hibernated VM, before any was seen."""

RESUME_WEIGHT = 0.1
"""Resumes that this prior counts for."""

MOST_EXPONENT = 20.0
"""Of what spot VMs cost more for their losses; it would not matter that it is still more."""


def cheaper_types(ledger: Ledger, elapsed: float, limit: float) -> tuple[InstanceType, ...]:
    """Return the on-demand types whose work costs less than that of any spot type, cheapest first.

    As prices are, or as the run has seen spot VMs die. Where progress is kept no task is lost, and it is the
    prices alone.

    :param elapsed: seconds since the run's start.
    :param limit: seconds since the run's start by which all is to be done.
    """
    terms = ledger.terms
    if terms.keeps_progress or not terms.spot_types:
        return terms.cheaper_than_spot
    losses = _losses(ledger, elapsed, limit)
    spot = min(_price_on_spot(ledger, kind, losses) for kind in terms.spot_types)
    return tuple(kind for kind in terms.on_demand_types if terms.price_of_work(kind, Market.ON_DEMAND) < spot)


def will_come_back(ledger: Ledger, elapsed: float, limit: float) -> float:
    """Return the estimated probability that a VM which sleeps is resumed in time; parameters as above."""
    resume = ledger.weather.all.resume_rate(elapsed, PRIOR_RESUME, RESUME_WEIGHT)
    return 1 - math.exp(-resume * max(limit - elapsed, 0.0))


def _losses(ledger: Ledger, elapsed: float, limit: float) -> float:
    """Return the estimated losses a second of a spot VM: interruptions from which it does not come back."""
    weather = ledger.weather.all
    awaited = weather.asleep * will_come_back(ledger, elapsed, limit)
    lost = max(weather.hibernations - weather.resumes - awaited, 0.0)
    fleet = weather.up(elapsed) / elapsed if elapsed else 0.0
    weight = LOSSES_WEIGHT * max(fleet, 1.0)
    return (lost + weight) / (weather.up(elapsed) + weight / PRIOR_LOSSES)


def _price_on_spot(ledger: Ledger, kind: InstanceType, losses: float) -> float:
    """Return the dollars for the mean task on full spot VMs.

    Where losses are a Poisson process, a VM's slot is paid for exp(losses x boot) (exp(losses x runtime) - 1)
    / losses seconds for each task that ends on it: a boot that is not survived begins anew on another VM, and
    so does a task (Duda, Information Processing Letters 16(5), 1983, for a program without checkpoints).
    """
    runtime, boot = ledger.terms.mean_runtime(kind), ledger.terms.boot
    if not runtime:
        return ledger.terms.price_of_work(kind, Market.SPOT)
    boots = math.exp(min(losses * boot, MOST_EXPONENT))
    slower = boots * math.expm1(min(losses * runtime, MOST_EXPONENT)) / (losses * runtime)
    return ledger.terms.price_of_work(kind, Market.SPOT) * slower
