"""A plan as a picture: the cores of its VMs over time, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_hads.model import Environment, Market, Placement, Plan, PlannedVm
from airflow_provider_hads.planning.svg import element, text_width
from airflow_provider_hads.planning.time_axis import TimeAxis

__all__ = ["render_plot"]

WIDTH = 1200
LEFT = 212
RIGHT = 24
HEAD = 104
FOOT = 52
BAND = 36
"""Least height of a VM: two lines of text."""
GAP = 6
LANE = (3.0, 22.0)
"""Least and most height of a core."""
COMFORTABLE_HEIGHT = 1600
"""Height of all cores together up to which they are as high as can be."""
TEXT = "#222222"
FAINT = "#666666"
GRID = "#d9d9d9"
SPOT = "spot"
ON_DEMAND = "on-demand"
BASELINE = "on-demand, baseline mode"
COLOURS = {SPOT: "#56b4e9", ON_DEMAND: "#e69f00", BASELINE: "url(#baseline)"}
"""From the palette of Okabe and Ito, which colour-blind people can tell apart."""
HALO: dict[str, str | float] = {"paint_order": "stroke", "stroke": "white", "stroke_width": 3}
D_SPOT_COLOUR = "#0072b2"
DEADLINE_COLOUR = "#b03a00"


@dataclass(frozen=True)
class _Band:
    """One VM's place in the plot.

    :param cores: the cores in use.
    """

    vm: PlannedVm
    top: float
    height: float
    lane: float
    cores: tuple[int, ...]

    def y(self, core: int) -> float:
        """Return the top of a core; the cores are in the middle of the band."""
        first = self.top + (self.height - len(self.cores) * self.lane) / 2
        return first + self.cores.index(core) * self.lane


def render_plot(plan: Plan, environment: Environment) -> str:
    """Return a plan as SVG: VMs with type, market and price, each core a lane, tasks by market's colour.

    :param environment: gives the number of cores of each type.
    """
    bands = list(_bands(plan))
    bottom = bands[-1].top + bands[-1].height if bands else HEAD + BAND
    moments = (plan.deadline, *([plan.d_spot] if plan.d_spot is not None else []))
    axis = TimeAxis.covering(plan.makespan, moments, LEFT, WIDTH - LEFT - RIGHT)
    height = bottom + FOOT
    content = [
        _definitions(),
        element("rect", width=WIDTH, height=height, fill="white"),
        *_title(plan),
        *_legend(plan),
        *(_background(band, index) for index, band in enumerate(bands)),
        *_ticks(axis, bottom),
        *(part for band in bands for part in _vm(band, axis, environment)),
        *_lines(plan, axis, bottom),
    ]
    return element(
        "svg",
        *(f"\n{part}" for part in content),
        "\n",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:g}",
        width=WIDTH,
        height=height,
        font_family="Helvetica, Arial, sans-serif",
    )


def _bands(plan: Plan) -> Iterator[_Band]:
    cores = [tuple(sorted({place.core for place in vm.placements})) for vm in plan.vms]
    least, most = LANE
    lane = min(max(COMFORTABLE_HEIGHT / max(sum(map(len, cores)), 1), least), most)
    top = float(HEAD)
    for vm, used in zip(plan.vms, cores, strict=True):
        own = max(lane, min(BAND / max(len(used), 1), most))  # there is room for as much in each band
        height = max(len(used) * own, BAND) + GAP
        yield _Band(vm, top, height, own, used)
        top += height


def _definitions() -> str:
    colour = COLOURS[ON_DEMAND]
    ground = element("rect", width=6, height=6, fill="#fbe3b0")
    line = element("rect", width=2.5, height=6, fill=colour)
    pattern = element(
        "pattern",
        ground,
        line,
        id="baseline",
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return element("defs", pattern)


def _text(
    x: float, y: float, text: str, size: float = 12, fill: str = TEXT, *, halo: bool = False, **more: str
) -> str:
    """Return a text; a halo keeps it readable on lines."""
    around = HALO if halo else {}
    return element("text", text=text, x=x, y=y, font_size=size, fill=fill, **more, **around)


def _title(plan: Plan) -> Iterator[str]:
    tasks = sum(len(vm.placements) for vm in plan.vms)
    yield _text(16, 28, f"Plan of job {plan.job_id}, by {plan.planner}", 18, font_weight="bold")
    end = f"ends after {plan.makespan:.0f} s (without boot)"
    facts = f"{_count(len(plan.vms), 'VM')}, {_count(tasks, 'task')}, ${plan.cost:.5f}, {end}"
    yield _text(16, 48, facts, 13, FAINT)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _kind(vm: PlannedVm) -> str:
    if vm.cpu_share is not None:
        return BASELINE
    return SPOT if vm.market is Market.SPOT else ON_DEMAND


def _legend(plan: Plan) -> Iterator[str]:
    used = {_kind(vm) for vm in plan.vms}
    x: float = WIDTH - RIGHT
    for kind in reversed([kind for kind in COLOURS if kind in used]):
        x -= text_width(kind, 12) + 8
        yield _text(x, 27, kind)
        x -= 24
        yield element("rect", x=x, y=16, width=18, height=14, fill=COLOURS[kind], rx=2)
        x -= 8


def _background(band: _Band, index: int) -> str:
    return element(
        "rect",
        x=8,
        y=band.top,
        width=WIDTH - 8 - RIGHT,
        height=band.height,
        fill="#f5f5f5" if index % 2 == 0 else "#ffffff",
    )


def _ticks(axis: TimeAxis, bottom: float) -> Iterator[str]:
    for seconds, label in axis.ticks():
        x = axis.x(seconds)
        yield element("line", x1=x, x2=x, y1=HEAD, y2=bottom + 5, stroke=GRID)
        yield _text(x, bottom + 20, label, 12, FAINT, text_anchor="middle")
    middle = axis.left + axis.width / 2
    yield _text(middle, bottom + 40, "time after the VMs are ready", 12, FAINT, text_anchor="middle")


def _vm(band: _Band, axis: TimeAxis, environment: Environment) -> Iterator[str]:
    vm = band.vm
    middle = band.top + band.height / 2
    kind = environment.instance_types.get(vm.instance_type)
    cores = f"{len(band.cores)}/{kind.vcpus}" if kind else f"{len(band.cores)}"
    yield _text(16, middle - 4, _clipped(f"{vm.id}  {vm.instance_type}", 27), 12, font_weight="bold")
    yield _text(16, middle + 11, f"{vm.market}, ${vm.price:g}/h, {cores} cores", 10.5, FAINT)
    for place in vm.placements:
        yield _task(band, place, axis)


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]}.."


def _task(band: _Band, place: Placement, axis: TimeAxis) -> str:
    x, y = axis.x(place.start), band.y(place.core)
    width = max(axis.x(place.end) - x, 0.5)
    tip = f"task {place.task_id}: {place.start:g} to {place.end:g} s, {band.vm.id} core {place.core}"
    edge = 1.0 if band.lane >= 6 and width >= 3 else 0.3
    box = element(
        "rect",
        element("title", text=tip),
        x=x,
        y=y,
        width=width,
        height=band.lane,
        fill=COLOURS[_kind(band.vm)],
        stroke="white",
        stroke_width=edge,
    )
    size = min(band.lane - 4, 11)
    if size < 7 or text_width(place.task_id, size) > width - 4:
        return box
    halo = _kind(band.vm) == BASELINE
    middle = y + band.lane / 2 + size * 0.36
    return box + _text(x + width / 2, middle, place.task_id, size, text_anchor="middle", halo=halo)


def _lines(plan: Plan, axis: TimeAxis, bottom: float) -> Iterator[str]:
    if plan.d_spot is not None:
        rule = f" ({plan.d_spot_rule})" if plan.d_spot_rule else ""
        yield from _line(axis, bottom, plan.d_spot, f"D_spot{rule}", HEAD - 24, D_SPOT_COLOUR, "6 4")
    crossed = plan.d_spot is not None and axis.shows(plan.d_spot) and not axis.shows(plan.deadline)
    row = HEAD - 40 if crossed else HEAD - 8
    yield from _line(axis, bottom, plan.deadline, "deadline", row, DEADLINE_COLOUR, "none")


def _line(
    axis: TimeAxis, bottom: float, seconds: float, name: str, y: float, colour: str, dashes: str
) -> Iterator[str]:
    """Yield a vertical line with its name, or a word at the edge where it is off the axis."""
    label = f"{name}: {seconds:.0f} s"
    if not axis.shows(seconds):
        yield _text(
            WIDTH - RIGHT, y, f"{label} \N{RIGHTWARDS ARROW}", 12, colour, text_anchor="end", halo=True
        )
        return
    x = axis.x(seconds)
    yield element(
        "line", x1=x, x2=x, y1=y + 4, y2=bottom, stroke=colour, stroke_width=1.8, stroke_dasharray=dashes
    )
    fits = x + text_width(label, 12) / 2 <= WIDTH - 4
    x, anchor = (x, "middle") if fits else (WIDTH - 4, "end")
    yield _text(x, y, label, 12, colour, text_anchor=anchor, halo=True)
