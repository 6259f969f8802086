"""A small system of linear equations."""

from __future__ import annotations

__all__ = ["solve_positive"]

FLOOR = 1e-14
"""Least share of the diagonal that a pivot is taken for."""


def solve_positive(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Return x of ``matrix x = right`` for a symmetric positive definite matrix, which is overwritten.

    Only what stands on and right of its diagonal is read. Elimination without exchange of rows, which such a
    matrix does not need. A pivot that rounding has made too small is raised, as if that unknown were held
    back.
    """
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
        known = sum(row[index] * x[index] for index in range(pivot + 1, size))
        x[pivot] = (x[pivot] - known) / row[pivot]
    return x
