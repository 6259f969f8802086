"""What is learnt about estimates, from the first task that ends on."""

from __future__ import annotations

import math

import pytest

from airflow_provider_hads.control.pace import CAUTION, PRIOR_SPREAD, Pace


def pace(*ratios: float) -> Pace:
    observed = Pace()
    for ratio in ratios:
        observed.add(ratio)
    return observed


def test_before_any_task_has_ended_estimates_are_doubted_but_not_held_wrong() -> None:
    new = pace()
    assert (new.mean, new.careful, new.spread) == (1, 1, 0)
    assert new.margin > 0.2
    assert not new.sure


def test_doubt_goes_with_each_task_that_takes_what_it_should() -> None:
    margins = [pace(*[1.0] * count).margin for count in range(16)]
    assert margins == sorted(margins, reverse=True)
    assert margins[-1] == 0
    assert pace(*[1.0] * 15).sure
    assert pace(*[1.0] * 15).careful == 1, "estimates that are right cost nothing"


def test_a_spread_makes_the_way_out_longer_and_few_tasks_are_not_trusted() -> None:
    few, many = pace(1.2, 1 / 1.2), pace(*[1.2, 1 / 1.2] * 40)
    assert few.careful == pytest.approx(math.exp(CAUTION * few.spread))
    assert many.spread == pytest.approx(math.log(1.2), rel=0.1)
    assert pace(1.01, 1 / 1.01).careful < few.careful


def test_estimates_that_are_all_too_low_by_the_same_factor_are_put_right() -> None:
    slow = pace(*[1.5] * 50)
    assert slow.mean == pytest.approx(1.5, rel=0.02)
    assert slow.careful < 1.5 * math.exp(CAUTION * PRIOR_SPREAD / 2), "they do not spread"


def test_a_task_that_has_run_long_is_expected_to_take_longer_still() -> None:
    observed = pace(*[1.2, 1 / 1.2] * 40)
    assert observed.factor(0.5) == observed.mean
    assert observed.careful_factor(0.5) == observed.careful
    factors = [observed.factor(least) for least in (1.1, 1.5, 2.0, 3.0)]
    assert factors == sorted(factors)
    for least in (1.1, 1.5, 2.0, 3.0):
        assert least < observed.factor(least) < observed.careful_factor(least)


def test_the_further_out_the_less_is_to_come() -> None:
    """Of a normal distribution's tail, what is left gets shorter: it is not without memory."""
    observed = pace(*[1.2, 1 / 1.2] * 40)
    assert observed.factor(3.0) / 3.0 < observed.factor(1.5) / 1.5
