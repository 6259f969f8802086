"""Planners compared: cost, gap to the proven bound, seconds of a core. By ``make bench-planning``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from airflow_provider_hads.exceptions import InfeasibleJob  # noqa: E402 - run as a script
from airflow_provider_hads.planning import PlanRequest, SpotDeadlineRule, get_planner  # noqa: E402
from airflow_provider_hads.planning.lower_bound import lower_bound  # noqa: E402
from tests.support.planning_examples import PUBLISHED, published_request  # noqa: E402
from tests.support.random_jobs import random_request  # noqa: E402

PUBLISHED_JOBS = (("552", 2700), ("551", 2700), ("551", 10800), ("552p", 2700))
SMALL = ("equal", "few", "lognormal", "correlated", "memory", "tight", "one-long", "limits")
LARGE = (("lognormal", 2000, 12), ("tight", 2000, 12), ("memory", 2000, 12), ("lognormal", 10000, 20))

ILS_TASKS = 200
"""Tasks up to which ``ils``, which takes long, is compared."""


def main() -> None:
    """Print the table, row by row."""
    print("| job | planner | cost $ | over the bound | seconds |\n| --- | --- | ---: | ---: | ---: |")
    for name, request in _requests():
        small = len(request.job.tasks) <= ILS_TASKS
        for planner in ("cc", "ils", "packing") if small else ("cc", "packing"):
            print(f"| {name} | {planner} | {_measured(planner, request)} |", flush=True)


def _requests() -> Iterator[tuple[str, PlanRequest]]:
    if PUBLISHED.is_dir():
        for folder, deadline in PUBLISHED_JOBS:
            request = published_request(folder, deadline)
            yield f"{folder}, {deadline} s", request
            yield f"{folder}, {deadline} s, safe", replace(request, spot_deadline=SpotDeadlineRule.SAFE)
    for kind in SMALL:
        for tasks, types in ((80, 6), (200, 10)):
            yield f"{kind}, {tasks} tasks, {types} types", random_request(kind, tasks, types, seed=0)
    for kind, tasks, types in LARGE:
        yield f"{kind}, {tasks} tasks, {types} types", random_request(kind, tasks, types, seed=0)


def _measured(planner: str, request: PlanRequest) -> str:
    start = time.process_time()
    try:
        plan = get_planner(planner)(request)
    except InfeasibleJob as refusal:
        return f"- | {refusal.limit} | {time.process_time() - start:.2f}"
    seconds = time.process_time() - start
    return f"{plan.cost:.5f} | {100 * (plan.cost / lower_bound(request) - 1):.2f} % | {seconds:.2f}"


if __name__ == "__main__":
    main()
