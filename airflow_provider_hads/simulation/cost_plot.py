"""What a job costs by each policy, over many simulated runs, as SVG: one band for each policy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from airflow_provider_hads.planning.svg import element

__all__ = ["render_costs"]

WIDTH, LEFT, RIGHT, HEAD, FOOT, BAND, NOTE = 1000, 200, 130, 96, 52, 64, 20
BINS = 80
MOST_LETTERS = 150
"""Of a line below the picture; it has no more room."""
TICKS = 6
BAR, MEAN, LINE, TEXT, FAINT, GRID = "#56b4e9", "#222222", "#b03a00", "#222222", "#666666", "#d9d9d9"


@dataclass(frozen=True)
class _Scale:
    """Dollars to pixels."""

    most: float

    def x(self, cost: float) -> float:
        """Return where a cost is."""
        return LEFT + (WIDTH - LEFT - RIGHT) * cost / self.most


def render_costs(
    job: str,
    costs: Mapping[str, Sequence[float]],
    on_demand: float | None,
    missing: Mapping[str, str] | None = None,
) -> str:
    """Return the distribution of the cost of each policy, side by side.

    A band's bars are a histogram; the black line is the mean, the red one what on-demand VMs alone cost.

    :param costs: dollars of each run, by policy.
    :param on_demand: dollars of policy ``on-demand-only``; None where it can't meet the deadline.
    :param missing: the policies that can't run, and why.
    """
    notes = _notes(missing or {})
    scale = _Scale(max([on_demand or 0.0, *(max(values) for values in costs.values())]) * 1.02 or 1.0)
    bottom = HEAD + BAND * len(costs)
    height = bottom + FOOT + NOTE * len(notes)
    runs = max(len(values) for values in costs.values())
    parts = [
        element("rect", width=WIDTH, height=height, fill="white"),
        _text(16, 30, f"Cost of job {job} by policy", 18, font_weight="bold"),
        _text(16, 50, f"{runs} runs each; black: the mean", 13, FAINT),
        *_axis(scale, bottom),
        *(
            part
            for row, (policy, values) in enumerate(costs.items())
            for part in _band(policy, values, scale, HEAD + BAND * (row + 1), on_demand)
        ),
        *_on_demand(scale, on_demand, bottom),
        *(_text(16, bottom + FOOT + NOTE * row, note, 12, FAINT) for row, note in enumerate(notes)),
    ]
    return element(
        "svg",
        *(f"\n{part}" for part in parts),
        "\n",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH,
        height=height,
        font_family="Helvetica, Arial, sans-serif",
    )


def _text(x: float, y: float, text: str, size: float = 12, fill: str = TEXT, **more: str) -> str:
    return element("text", text=text, x=round(x, 1), y=y, font_size=size, fill=fill, **more)


def _round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, no less than some dollars."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _axis(scale: _Scale, bottom: float) -> Iterator[str]:
    step = _round_step(scale.most / TICKS)
    for tick in range(int(scale.most / step) + 1):
        cost = step * tick
        x = round(scale.x(cost), 1)
        yield element("line", x1=x, x2=x, y1=HEAD, y2=bottom + 5, stroke=GRID)
        yield _text(x, bottom + 22, f"${cost:.3g}", 12, FAINT, text_anchor="middle")


def _band(
    policy: str, values: Sequence[float], scale: _Scale, base: float, on_demand: float | None
) -> Iterator[str]:
    counts = [0] * BINS
    for value in values:
        counts[min(int(value / scale.most * BINS), BINS - 1)] += 1
    unit = (BAND - 18) / max(counts)
    width = (WIDTH - LEFT - RIGHT) / BINS
    for place, count in enumerate(counts):
        if count:
            height = round(max(count * unit, 1.0), 1)
            x = round(LEFT + place * width, 1)
            yield element("rect", x=x, y=base - height, width=round(width - 0.5, 1), height=height, fill=BAR)
    yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base, stroke=FAINT)
    mean = sum(values) / len(values)
    x = round(scale.x(mean), 1)
    yield element("line", x1=x, x2=x, y1=base - BAND + 14, y2=base, stroke=MEAN, stroke_width=2)
    yield _text(16, base - 10, policy, 13, font_weight="bold")
    share = f" ({mean / on_demand:.0%})" if on_demand else ""
    yield _text(WIDTH - RIGHT + 12, base - 10, f"${mean:.4f}{share}", 12)


def _on_demand(scale: _Scale, on_demand: float | None, bottom: float) -> Iterator[str]:
    if on_demand is not None:
        x = round(scale.x(on_demand), 1)
        yield element("line", x1=x, x2=x, y1=HEAD - 8, y2=bottom, stroke=LINE, stroke_width=2)
        yield _text(x, HEAD - 14, "on-demand VMs only", 12, LINE, text_anchor="middle")


def _notes(missing: Mapping[str, str]) -> list[str]:
    return [
        line
        for policy, reason in missing.items()
        for line in wrap(f"{policy} is missing: {reason}", MOST_LETTERS)
    ]
