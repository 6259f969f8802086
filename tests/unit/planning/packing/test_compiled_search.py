"""The compiled searches find what those in Python find, to the last digit."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections.abc import Callable

import pytest

from airflow_provider_hads.model import PlannedVm
from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.packing import (
    annealing,
    linear_algebra,
    memory_annealing,
    memory_sketch,
    soft_minimum,
)
from airflow_provider_hads.planning.packing.ascent import best_prices
from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from airflow_provider_hads.planning.packing.effort import Effort
from airflow_provider_hads.planning.packing.instance import compile_instance
from airflow_provider_hads.planning.packing.search import search
from tests.support.random_jobs import random_request

SEARCHES = (annealing, linear_algebra, memory_annealing, memory_sketch, soft_minimum)
EFFORT = Effort(fleets=6, each=4_000, last=150_000)

needs_compiler = pytest.mark.skipif(not COMPILED, reason="there was no compiler at the installation")

Found = Callable[[PlanRequest, Effort, bool], "list[PlannedVm] | None"]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return a search that is compiled, or not."""

    def found(request: PlanRequest, effort: Effort, compiled: bool) -> list[PlannedVm] | None:
        for module in SEARCHES:
            monkeypatch.setattr(module, "COMPILED", compiled)
        return search(compile_instance(request, request.deadline), effort, request.seed)

    return found


@needs_compiler
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ["lognormal", "tight", "one-long", "limits", "vcpus", "memory"])
def test_both_find_the_same_vms_with_the_same_tasks(found: Found, kind: str, seed: int) -> None:
    request = random_request(kind, 60, 6, seed)
    compiled = found(request, EFFORT, True)

    assert compiled
    assert found(request, EFFORT, False) == compiled


@needs_compiler
@pytest.mark.parametrize("kind", ["few", "limits", "vcpus", "memory", "tight"])
def test_both_find_the_same_prices(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The tight jobs have resources for large tasks, the others for memory or limits over all types."""
    request = random_request(kind, 70, 8, 3)
    instance = compile_instance(request, request.deadline)
    _, compiled = best_prices(instance, 3, 40)
    for module in SEARCHES:
        monkeypatch.setattr(module, "COMPILED", False)

    assert best_prices(instance, 3, 40)[1] == compiled


@needs_compiler
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["lognormal", "memory"])
def test_both_end_when_they_are_told_to(found: Found, kind: str, compiled: bool) -> None:
    """The effort would take many minutes."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    endless = Effort(fleets=10**6, each=10**6, last=10**8, stop=stop)
    assert found(random_request(kind, 20, 3, 1), endless, compiled)


@needs_compiler
def test_an_exception_of_the_one_that_is_asked_ends_the_search(found: Found) -> None:
    def stop() -> bool:
        raise TimeoutError("asked")

    with pytest.raises(TimeoutError, match="asked"):
        found(random_request("lognormal", 20, 3, 1), Effort(0, 10**6, 10**6, stop), True)


@needs_compiler
def test_arrays_that_do_not_fit_together_are_refused() -> None:
    from airflow_provider_hads.planning.packing import _compiled

    doubles, ints, words = array("d", [1.0]), array("i", [0]), array("I", bytes(4 * 625))
    with pytest.raises(ValueError, match="first has 4 bytes, not 8"):
        _compiled.anneal_cores(
            doubles,
            ints,
            ints,
            doubles,
            doubles,
            ints,
            ints,
            doubles,
            ints,
            ints,
            array("d", [1.0]),
            array("i", [0]),
            words,
            1,
            1,
            1.0,
            1.0,
            0.0,
            None,
        )


@needs_compiler
@pytest.mark.parametrize(
    ("resources_from", "resource", "expected"),
    [
        ([0, 1], 0, None),
        ([0, 2], 0, "don't belong"),
        ([0, 1], 1, "don't belong"),
        ([0], 0, "resources_from has 4"),
    ],
)
def test_resources_that_are_not_there_are_refused(
    resources_from: list[int], resource: int, expected: str | None
) -> None:
    from airflow_provider_hads.planning.packing import _compiled

    def expand() -> float:
        one = array("d", [1.0])
        owners, numbers, slope, curve = (
            array("i", resources_from),
            array("i", [resource]),
            array("d", bytes(16)),
            array("d", bytes(32)),
        )
        return _compiled.expand_tasks(one, one, one, one, owners, numbers, one, one, 1.0, 7.0, slope, curve)

    if expected is None:
        assert expand() == 2.0
    else:
        with pytest.raises(ValueError, match=expected):
            expand()


def test_without_compiled_code_a_plan_is_found_all_the_same() -> None:
    program = """
import sys
sys.modules["airflow_provider_hads.planning.packing._compiled"] = None
from airflow_provider_hads.planning import get_planner
from airflow_provider_hads.planning.packing.compiled_search import COMPILED
from tests.support.random_jobs import random_request
plan = get_planner("packing")(random_request("memory", 12, 3, 1))
print(COMPILED, sorted(place.task_id for vm in plan.vms for place in vm.placements))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.stdout == f"False {sorted(map(str, range(12)))}\n", ran.stderr
