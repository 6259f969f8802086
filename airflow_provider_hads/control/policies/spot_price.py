"""What work costs on spot VMs with what is lost on them, beside what it costs on demand."""

from __future__ import annotations

import math

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.model.environment import InstanceType, Market

__all__ = ["cheaper_types", "will_come_back"]

PRIOR_LOSSES = 0.5
"""Losses of a spot VM in the time of a boot and a task."""

LOSSES_WEIGHT = 0.3
"""Losses that this prior counts for, of each VM of the fleet: a few VMs that die young are enough to tell; a
fleet that is lost at once tells no more than one VM."""

PRIOR_RESUME = 1 / 600
"""Resumes a second of a hibernated VM, before any was seen."""

RESUME_WEIGHT = 0.1
"""Resumes that this prior counts for."""

MOST_EXPONENT = 20.0
"""Of what spot VMs cost more for their losses; it would not matter that it is still more."""


def cheaper_types(ledger: Ledger, elapsed: float) -> tuple[InstanceType, ...]:
    """Return the on-demand types whose work costs less than that of any spot type, cheapest first.

    By the prices alone as long as no VM was lost, and where progress is kept: then no task is lost with it.
    A VM that comes back by the deadline is not lost; what the guard keeps back of the time plays no part, for
    that changes with each launch, and whoever launched an on-demand VM would not know it for cheaper after.

    :param elapsed: seconds since the run's start.
    """
    terms = ledger.terms
    few = ledger.open_tasks if ledger.open_tasks < terms.most_slots else None
    by_price = terms.cheaper_than_spot if few is None else terms.cheaper_for(few)
    if terms.keeps_progress or not terms.spot_types:
        return by_price
    lost = _lost(ledger, elapsed)
    if not lost:
        return by_price
    cheaper = terms.on_demand_types
    for spot in terms.spot_types:
        price = _price_on_spot(ledger, spot, lost, elapsed, few)
        cheaper = tuple(kind for kind in cheaper if terms.price_of_work(kind, Market.ON_DEMAND, few) < price)
        if not cheaper:
            break
    return cheaper


def will_come_back(ledger: Ledger, elapsed: float) -> float:
    """Return the estimated probability that a VM which sleeps is resumed by the deadline."""
    resume = ledger.weather.all.resume_rate(elapsed, PRIOR_RESUME, RESUME_WEIGHT)
    return 1 - math.exp(-resume * max(ledger.deadline - elapsed, 0.0))


def _lost(ledger: Ledger, elapsed: float) -> float:
    """Return how many spot VMs were interrupted and are not expected to come back in time."""
    weather = ledger.weather.all
    awaited = weather.asleep * will_come_back(ledger, elapsed)
    return max(weather.hibernations - weather.resumes - awaited, 0.0)


def _price_on_spot(
    ledger: Ledger, kind: InstanceType, lost: float, elapsed: float, tasks: int | None
) -> float:
    """Return the dollars for the mean task on spot VMs.

    Where losses are a Poisson process, a VM's slot is paid for exp(losses x boot) (exp(losses x runtime) - 1)
    / losses seconds for each task that ends on it: a boot that is not survived begins anew on another VM, and
    so does a task (Duda, Information Processing Letters 16(5), 1983, for a program without checkpoints).

    :param lost: how many VMs were lost so far.
    :param tasks: how many there are, if they do not fill a VM.
    """
    runtime, boot = ledger.terms.mean_runtime(kind), ledger.terms.boot
    if not runtime:
        return ledger.terms.price_of_work(kind, Market.SPOT, tasks)
    up = ledger.weather.all.up(elapsed)
    weight = LOSSES_WEIGHT * max(up / elapsed if elapsed else 0.0, 1.0)
    losses = (lost + weight) / (up + weight / PRIOR_LOSSES * (boot + runtime))
    boots = math.exp(min(losses * boot, MOST_EXPONENT))
    slower = boots * math.expm1(min(losses * runtime, MOST_EXPONENT)) / (losses * runtime)
    return ledger.terms.price_of_work(kind, Market.SPOT, tasks) * slower
