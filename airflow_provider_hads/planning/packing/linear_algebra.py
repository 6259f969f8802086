"""A small system of linear equations."""

from __future__ import annotations

from airflow_provider_hads.planning.packing.compiled_prices import compiled_solve_positive
from airflow_provider_hads.planning.packing.compiled_search import COMPILED

__all__ = ["solve_positive"]

FLOOR = 1e-14
"""The least that a pivot is taken for."""


def solve_positive(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Return x of ``matrix x = right`` for a symmetric positive definite matrix, which may be overwritten.

    Only what stands on and right of its diagonal is read. Elimination without exchange of rows, which such a
    matrix does not need. A pivot that rounding has made too small is raised, as if that unknown were held
    back.
    """
    if COMPILED:
        return compiled_solve_positive(matrix, right, FLOOR)
    size = len(right)
    x = list(right)
    for pivot in range(size):
        row = matrix[pivot]
        row[pivot] = max(row[pivot], FLOOR)
        for below in range(pivot + 1, size):
            # By symmetry the factor stands in the pivot's own row.
            factor = row[below] / row[pivot]
            if factor:
                lower = matrix[below]
                lower[below:] = [
                    one - factor * other for one, other in zip(lower[below:], row[below:], strict=True)
                ]
                x[below] -= factor * x[pivot]
    for pivot in range(size - 1, -1, -1):
        row = matrix[pivot]
        known = 0.0
        for index in range(pivot + 1, size):  # sum() would round otherwise than compiled code
            known += row[index] * x[index]
        x[pivot] = (x[pivot] - known) / row[pivot]
    return x
