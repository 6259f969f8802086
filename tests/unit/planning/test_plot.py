"""A plan as a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from airflow_provider_hads.model import Environment, Market, Placement, Plan, PlannedVm
from airflow_provider_hads.planning import PlanRequest, get_planner
from airflow_provider_hads.planning.plot import COLOURS, WIDTH, render_plot
from airflow_provider_hads.planning.svg import text_width
from airflow_provider_hads.planning.time_axis import TimeAxis
from tests.support.planning_examples import environment, instance_type, job

SVG = "{http://www.w3.org/2000/svg}"
BURST = instance_type("burst", vcpus=2, spot=None, burstable=True)
ENVIRONMENT = environment(instance_type(), BURST)
PLAN = Plan(
    "7",
    "example",
    "ils",
    600,
    (
        PlannedVm("vm-0", "small", Market.SPOT, 0.03, (Placement("a", 0, 0, 200), Placement("b", 1, 0, 100))),
        PlannedVm("vm-1", "small", Market.ON_DEMAND, 0.1, (Placement("c", 0, 0, 400),)),
        PlannedVm("vm-2", "burst", Market.ON_DEMAND, 0.05, (Placement("d", 0, 0, 500),), 0.2),
    ),
    d_spot=300,
    d_spot_rule="safe",
)


def drawn(plan: Plan = PLAN, types: Environment = ENVIRONMENT) -> ElementTree.Element:
    return ElementTree.XML(render_plot(plan, types))


def texts(plot: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in plot.iter(f"{SVG}text")]


def bars(plot: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Return the tasks' rectangles by the first words of their tips."""
    found = {}
    for rect in plot.iter(f"{SVG}rect"):
        tip = rect.find(f"{SVG}title")
        if tip is not None and tip.text:
            found[tip.text.partition(":")[0]] = rect
    return found


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def test_each_task_is_a_bar_in_the_colour_of_its_market() -> None:
    plot = drawn()
    assert {task: bar.attrib["fill"] for task, bar in bars(plot).items()} == {
        "task a": COLOURS["spot"],
        "task b": COLOURS["spot"],
        "task c": COLOURS["on-demand"],
        "task d": COLOURS["on-demand, baseline mode"],
    }
    assert {"spot", "on-demand", "on-demand, baseline mode"} <= set(texts(plot))


def test_the_legend_has_only_what_is_there() -> None:
    assert "on-demand" not in texts(drawn(replace(PLAN, vms=PLAN.vms[:1])))


def test_bars_are_as_long_as_their_tasks() -> None:
    found = bars(drawn())
    lengths = {task: number(bar, "width") for task, bar in found.items()}
    assert lengths["task a"] == pytest.approx(2 * lengths["task b"], rel=1e-3)
    assert number(found["task a"], "x") == number(found["task c"], "x")


def test_each_vm_has_its_type_market_price_and_cores() -> None:
    assert {"vm-0  small", "spot, $0.03/h, 2/2 cores", "on-demand, $0.1/h, 1/2 cores"} <= set(texts(drawn()))


def test_d_spot_and_the_deadline_are_lines_with_names() -> None:
    assert {"D_spot (safe): 300 s", "deadline: 600 s"} <= set(texts(drawn()))
    assert len([line for line in drawn().iter(f"{SVG}line") if "stroke-dasharray" in line.attrib]) == 2


def test_what_is_much_later_than_the_last_task_is_named_at_the_edge() -> None:
    """Else the tasks would be a sliver."""
    assert "deadline: 9000 s \N{RIGHTWARDS ARROW}" in texts(drawn(replace(PLAN, deadline=9000)))


def test_names_can_not_break_the_picture() -> None:
    odd = replace(PLAN, job_id="<7>&\"'\x1b", planner="a&b")
    assert "Plan of job <7>&\"'?, by a&b" in texts(drawn(odd))


def test_a_plan_without_vms_is_a_picture_too() -> None:
    assert "0 VMs, 0 tasks, $0.00000, ends after 0 s (without boot)" in texts(drawn(replace(PLAN, vms=())))


def boxes(plot: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Return about where each text is: left, top, right, bottom."""
    found = []
    for text in plot.iter(f"{SVG}text"):
        size = number(text, "font-size")
        width = 0.85 * text_width(text.text or "", size)
        shift = {"middle": width / 2, "end": width}.get(text.attrib.get("text-anchor", ""), 0.0)
        left, base = number(text, "x") - shift, number(text, "y")
        found.append((left, base - 0.75 * size, left + width, base))
    return found


@pytest.mark.parametrize(
    ("tasks", "deadline"), [(1, 500), (10, 700), (200, 5000), (200, 1000), (2000, 20000)]
)
def test_no_text_lies_on_another_or_outside(tasks: int, deadline: float) -> None:
    types = environment(instance_type(limit=20), instance_type("large", vcpus=16, limit=10, memory=64000))
    lengths = [60 + 37 * (index % 11) for index in range(tasks)]
    request = PlanRequest(job(lengths, types=("small", "large")), types, deadline)
    plot = drawn(get_planner("cc")(request), types)
    found = boxes(plot)
    for one, other in combinations(found, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    height = number(plot, "height")
    assert all(
        left >= 0 and top >= 0 and right <= WIDTH and base <= height for left, top, right, base in found
    )


def test_tasks_on_many_vms_of_few_cores_have_labels() -> None:
    """A VM with one core takes two lines of text anyway: there is room for its task's name."""
    types = environment(instance_type(vcpus=1, limit=200), spot=200, on_demand=200)
    plan = get_planner("cc")(PlanRequest(job([100] * 200), types, 250))
    assert len(plan.vms) == 200
    assert {task_id for vm in plan.vms for task_id in vm.task_ids} <= set(texts(drawn(plan, types)))


@pytest.mark.parametrize("cores", [1, 8, 16, 64])
def test_bars_of_a_vm_do_not_overlap(cores: int) -> None:
    types = environment(instance_type(vcpus=cores, memory=10**6))
    plan = get_planner("cc")(PlanRequest(job([50, 40, 30] * cores), types, 400))
    found = sorted(
        (number(bar, "y"), number(bar, "x"), number(bar, "x") + number(bar, "width"))
        for bar in bars(drawn(plan, types)).values()
    )
    for (lane, _, end), (next_lane, start, _) in pairwise(found):
        assert lane != next_lane or start >= end - 0.05


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (9, ["0", "1 s", "2 s"]),
        (160, ["0", "15 s", "30 s"]),
        (700, ["0", "1 min", "2 min"]),
        (2700, ["0", "5 min", "10 min"]),
        (10000, ["0", "15 min", "30 min"]),
        (40000, ["0", "1:00 h", "2:00 h"]),
        (400000, ["0", "12:00 h", "24:00 h"]),
        (4e6, ["0", "96:00 h", "192:00 h"]),
    ],
)
def test_ticks_are_at_round_times(length: float, labels: list[str]) -> None:
    axis = TimeAxis(length, 0, 1000)
    ticks = axis.ticks()
    assert [label for _, label in ticks[:3]] == labels
    assert 5 <= len(ticks) <= 14
    assert all(re.fullmatch(r"0|[\d:.]+ (s|min|h)", label) for _, label in ticks)
