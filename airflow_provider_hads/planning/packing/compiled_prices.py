"""The search for prices by compiled code, where there is some: number for number what is done in Python."""

from __future__ import annotations

from array import array
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_hads.planning.packing.compiled_search import COMPILED

if COMPILED:
    from airflow_provider_hads.planning.packing import _compiled

if TYPE_CHECKING:
    from airflow_provider_hads.planning.packing.relaxation import Prices, Relaxation

__all__ = ["compiled_expand_tasks", "compiled_solve_positive"]


def compiled_expand_tasks(
    relaxation: Relaxation, prices: Prices, smoothing: float, cutoff: float, width: int
) -> tuple[float, list[float], list[list[float]]]:
    """Do what :func:`~airflow_provider_hads.planning.packing.soft_minimum.expand_tasks` does.

    :param cutoff: dollars; choices that are dearer than the best by more have no weight.
    """
    tables, slope, curve = (
        relaxation.arrays,
        array("d", bytes(8 * width)),
        array("d", bytes(8 * width * width)),
    )
    total = _compiled.expand_tasks(
        tables.counts,
        tables.columns,
        tables.uses,
        tables.slots,
        tables.resources_from,
        tables.resources,
        array("d", relaxation.core_prices(prices)),
        array("d", prices.resources),
        smoothing,
        cutoff,
        slope,
        curve,
    )
    values = curve.tolist()
    return total, slope.tolist(), [values[at * width : (at + 1) * width] for at in range(width)]


def compiled_solve_positive(matrix: list[list[float]], right: list[float], floor: float) -> list[float]:
    """Do what :func:`~airflow_provider_hads.planning.packing.linear_algebra.solve_positive` does.

    :param floor: the least that a pivot is taken for.
    """
    x = array("d", right)
    _compiled.solve_positive(array("d", chain.from_iterable(matrix)), x, floor)
    return x.tolist()
