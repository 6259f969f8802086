"""How long a search takes: counted in steps, so that the same request gives the same plan on any machine.

On any machine where the searches are compiled, that is: where there was no compiler when the provider was
installed, there is time for fewer steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from airflow_provider_hads.planning.stopping import Stop, never

__all__ = ["Effort", "comparison_effort", "full_effort", "quick_effort"]

MOST_FLEETS, EACH = (200, 200) if COMPILED else (300, 40)
"""Fleets tried for small jobs, and the steps for each of a fleet's tasks."""
FILLED = 40_000
"""Tasks put on new fleets, for large jobs: it takes long, and one VM more or less changes little."""
SEARCHING = 0.6
"""Share of the steps that goes into the search for the fleet."""


@dataclass(frozen=True)
class Effort:
    """The size of one search.

    :param fleets: fleets that are tried.
    :param each: annealing steps for each of them.
    :param last: annealing steps for the cheapest.
    :param stop: asked now and then whether to end early.
    """

    fleets: int
    each: int
    last: int
    stop: Stop = never

    def part(self, divisor: int) -> Effort:
        """Return a part of it."""
        return replace(self, fleets=self.fleets // divisor, last=self.last // divisor)


def quick_effort(tasks: int) -> Effort:
    """Return the effort to see about what a plan costs."""
    return Effort(0, 20 * tasks, 0)


def full_effort(tasks: int, types: int, stop: Stop = never) -> Effort:
    """Return the effort for the plan itself.

    It is what there is time for in a second or, for large jobs, in some seconds. The more types there are,
    the longer takes the rest of the planning.
    """
    total = _compiled_steps(tasks, types) if COMPILED else _python_steps(tasks, types)
    each = EACH * max(tasks, 1)
    searching = int(total * SEARCHING)
    fleets = min(searching // each, MOST_FLEETS, max(FILLED // max(tasks, 1), 4))
    return Effort(fleets, each, total - searching, stop)


def _python_steps(tasks: int, types: int) -> int:
    most = min(850_000 + 1_200 * tasks, 150 * tasks**2)
    return max(most - 22_000 * types, min(7_000 * tasks, 560_000))


def _compiled_steps(tasks: int, types: int) -> int:
    # Small jobs leave the most time: all else takes longer the more tasks there are.
    most = max(5_500_000 - 7_500 * tasks, 3_000_000 + 7_500 * tasks)
    return max(min(most, 1_200 * tasks**2) - 50_000 * types, min(40_000 * tasks, 2_500_000))


def comparison_effort(tasks: int, types: int) -> Effort:
    """Return the effort for a plan that others are compared with."""
    return full_effort(tasks, types).part(3)
