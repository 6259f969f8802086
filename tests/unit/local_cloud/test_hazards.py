"""Which spot VMs are interrupted and resumed, and when."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.hazards import (
    Exposed,
    HazardRates,
    Phase,
    RateHazard,
    Strike,
    TraceHazard,
)
from airflow_provider_hads.simulation.traces import Trace

AWAKE, ASLEEP, BOOTING = Phase.AWAKE, Phase.ASLEEP, Phase.BOOTING


def lives(hazard: RateHazard, names: list[str], seconds: int = 400) -> dict[str, list[tuple[int, Strike]]]:
    """What happens to VMs that do at once what the hazard says, until each is terminated."""
    phases = dict.fromkeys(names, AWAKE)
    stories: dict[str, list[tuple[int, Strike]]] = {name: [] for name in names}
    for now in range(seconds):
        machines = [Exposed(name, phase) for name, phase in phases.items()]
        for name, strike in hazard.step(now, machines):
            stories[name].append((now, strike))
            if strike is Strike.TERMINATE:
                del phases[name]
            else:
                phases[name] = ASLEEP if strike is Strike.INTERRUPT else AWAKE
    return stories


def test_a_seed_tells_the_same_story_of_each_vm_whatever_others_do() -> None:
    rates = HazardRates(0.05, 0.1, 0.001)

    together = lives(RateHazard(rates, seed=3), ["a", "b", "c"])

    assert lives(RateHazard(rates, seed=3), ["a", "b"])["b"] == together["b"]
    assert lives(RateHazard(rates, seed=4), ["a"])["a"] != together["a"]
    assert together["a"] != together["b"]


def test_interruptions_and_resumes_alternate_at_about_their_rates() -> None:
    story = lives(RateHazard(HazardRates(0.05, 0.2), seed=1), ["a"], seconds=20_000)["a"]

    strikes = [strike for _, strike in story]
    assert strikes[:4] == [Strike.INTERRUPT, Strike.RESUME] * 2
    # A cycle takes 1/0.05 + 1/0.2 = 25 s on average, and a tick of 1 s more for each half.
    assert 600 < strikes.count(Strike.INTERRUPT) < 900


def test_without_a_resume_rate_nothing_comes_back() -> None:
    story = lives(RateHazard(HazardRates(1.0, 0.0), seed=1), ["a"])["a"]

    assert [strike for _, strike in story] == [Strike.INTERRUPT]


def test_an_interruption_under_way_is_not_repeated() -> None:
    hazard = RateHazard(HazardRates(1000.0, 0.0), seed=1)
    machines = [Exposed("a", AWAKE)]

    strikes = [strike for now in range(5) for strike in hazard.step(now, machines)]

    assert strikes == [("a", Strike.INTERRUPT)]


def test_a_vm_that_boots_is_left_alone() -> None:
    hazard = RateHazard(HazardRates(1000.0, 1000.0, 1000.0), seed=1)

    assert [hazard.step(now, [Exposed("a", BOOTING)]) for now in range(3)] == [[], [], []]


@pytest.mark.parametrize("rate", [-1.0, float("inf"), float("nan")])
def test_a_rate_is_not_negative_and_finite(rate: float) -> None:
    with pytest.raises(InputError, match="give events a second"):
        HazardRates(rate, 0.0)


def test_a_trace_interrupts_the_youngest_and_resumes_the_oldest() -> None:
    hazard = TraceHazard(Trace(10, (3, 1, 2)), start=100)
    all_awake = [Exposed(name, AWAKE) for name in "abc"]
    one_awake = [Exposed("a", AWAKE), Exposed("b", ASLEEP), Exposed("c", ASLEEP)]

    assert hazard.step(100, all_awake) == []
    assert hazard.step(110, all_awake) == [("b", Strike.INTERRUPT), ("c", Strike.INTERRUPT)]
    assert hazard.step(111, all_awake) == []  # under way
    assert hazard.step(115, one_awake) == []
    assert hazard.step(120, one_awake) == [("b", Strike.RESUME)]
    assert hazard.step(121, one_awake) == []  # under way


def test_a_trace_says_when_nothing_more_can_be_launched() -> None:
    hazard = TraceHazard(Trace(10, (2,)), start=0)

    assert not hazard.is_full([Exposed("a", BOOTING), Exposed("b", ASLEEP)])
    assert hazard.is_full([Exposed("a", AWAKE), Exposed("b", BOOTING)])


def test_a_trace_can_go_faster_and_begins_again_at_its_end() -> None:
    hazard = TraceHazard(Trace(600, (1, 0)), start=0, speed=600)
    machine = [Exposed("a", AWAKE)]

    assert hazard.step(0.5, machine) == []
    assert hazard.step(1.5, machine) == [("a", Strike.INTERRUPT)]
    assert hazard.step(2.5, [Exposed("a", ASLEEP)]) == [("a", Strike.RESUME)]
