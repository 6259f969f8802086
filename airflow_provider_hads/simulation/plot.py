"""A simulated run as a picture: the slots of its VMs over time, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_hads.planning.svg import element
from airflow_provider_hads.planning.time_axis import TimeAxis

__all__ = ["render_run"]

WIDTH, LEFT, RIGHT, HEAD, FOOT = 1200, 190, 24, 84, 44
LANE, GAP = 10.0, 6.0
TEXT, FAINT, GRID = "#222222", "#666666", "#d9d9d9"
COLOURS = {"spot": "#56b4e9", "on-demand": "#e69f00", "lost": "#bbbbbb", "boot": "#e8e8e8"}
"""From the palette of Okabe and Ito, which colour-blind people can tell apart."""
DEADLINE = "#b03a00"
Event = Mapping[str, Any]


@dataclass
class _Lane:
    """One VM: when it was launched, ready, asleep and gone, and what its slots ran."""

    name: str
    kind: str
    market: str
    launched: float
    ready: float | None = None
    ended: float | None = None
    asleep: list[list[float]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    top: float = 0.0

    @property
    def slots(self) -> int:
        """Number of slots that were used."""
        return max((run["slot"] + 1 for run in self.runs), default=1)

    @property
    def height(self) -> float:
        """Height of its band."""
        return max(self.slots, 2) * LANE + GAP


def render_run(events: Sequence[Event]) -> str:
    """Return a run's event log as SVG: a band for each VM, hatched while it is hibernated.

    Grey work was lost or superseded; an arrow leads from it to the attempt that came after it.
    """
    lanes = _read(events)
    end, deadline = events[-1]["t"], events[0]["deadline"]
    top = float(HEAD)
    for lane in lanes.values():
        lane.top, top = top, top + lane.height
    axis = TimeAxis.covering(end, (deadline,), LEFT, WIDTH - LEFT - RIGHT)
    parts = [
        _definitions(),
        element("rect", width=WIDTH, height=top + FOOT, fill="white"),
        *_head(events),
        *_ticks(axis, top),
        *(part for lane in lanes.values() for part in _band(lane, axis, end)),
        *_arrows(lanes, axis),
        *_deadline(axis, deadline, top),
    ]
    return element(
        "svg",
        *(f"\n{part}" for part in parts),
        "\n",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {top + FOOT:g}",
        width=WIDTH,
        height=top + FOOT,
        font_family="Helvetica, Arial, sans-serif",
    )


def _read(events: Sequence[Event]) -> dict[str, _Lane]:
    lanes: dict[str, _Lane] = {}
    running: dict[str, dict[str, Any]] = {}
    for event in events:
        name, now = event["event"], event["t"]
        if name == "vm_launched":
            lanes[event["vm"]] = _Lane(event["vm"], event["type"], event["market"], now)
        elif name.startswith("vm_"):
            _follow(lanes[event["vm"]], name, now)
        elif name == "task_started":
            run = {"task": event["task"], "slot": event["slot"], "start": now, "end": None, "how": "running"}
            running[event["attempt"]] = run
            lanes[event["vm"]].runs.append(run)
        elif name in ("task_finished", "task_interrupted", "task_failed"):
            running[event["attempt"]].update(end=now, how=name)
    return lanes


def _follow(lane: _Lane, name: str, now: float) -> None:
    if name == "vm_ready":
        lane.ready = now
    elif name == "vm_hibernated":
        lane.asleep.append([now])
    elif name == "vm_resumed":
        lane.asleep[-1].append(now)
    elif name == "vm_terminated":
        lane.ended = now


def _definitions() -> str:
    line = element("line", x1=0, x2=0, y1=0, y2=6, stroke="#444444", stroke_width=1.2)
    hatch = element(
        "pattern", line, id="asleep", width=5, height=6, patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )  # fmt: skip
    head = element("path", d="M0,0 L6,3 L0,6 z", fill="#333333")
    arrow = element("marker", head, id="arrow", markerWidth=6, markerHeight=6, refX=5, refY=3, orient="auto")
    return element("defs", hatch, arrow)


def _text(x: float, y: float, text: str, size: float = 12, fill: str = TEXT, **more: str) -> str:
    return element("text", text=text, x=x, y=y, font_size=size, fill=fill, **more)


def _head(events: Sequence[Event]) -> Iterator[str]:
    first, last = events[0], events[-1]
    yield _text(16, 28, f"Run of job {first['job']}, policy {first['policy']}", 18, font_weight="bold")
    met = "met" if last.get("deadline_met") else "missed"
    yield _text(16, 48, f"${last.get('cost', 0):.5f}, deadline {met}", 13, FAINT)
    x = 560.0
    for name, fill in (*COLOURS.items(), ("hibernated", "url(#asleep)")):
        yield element("rect", x=x, y=18, width=18, height=14, fill=fill, rx=2)
        yield _text(x + 24, 29, name)
        x += 40 + 8 * len(name)


def _ticks(axis: TimeAxis, bottom: float) -> Iterator[str]:
    for seconds, label in axis.ticks():
        x = axis.x(seconds)
        yield element("line", x1=x, x2=x, y1=HEAD, y2=bottom + 5, stroke=GRID)
        yield _text(x, bottom + 20, label, 12, FAINT, text_anchor="middle")


def _band(lane: _Lane, axis: TimeAxis, end: float) -> Iterator[str]:
    gone = end if lane.ended is None else lane.ended
    middle = lane.top + lane.height / 2
    yield _text(16, middle - 2, f"{lane.name}  {lane.kind}", 11, font_weight="bold")
    yield _text(16, middle + 9, lane.market, 9, FAINT)
    yield _box(axis, lane.launched, gone, lane.top, lane.height - GAP, "#f5f5f5")
    booted = gone if lane.ready is None else lane.ready
    yield _box(axis, lane.launched, booted, lane.top, lane.height - GAP, COLOURS["boot"])
    for run in lane.runs:
        kept = run["how"] != "task_interrupted"
        last = end if run["end"] is None else run["end"]
        fill = COLOURS[lane.market] if kept else COLOURS["lost"]
        yield _box(axis, run["start"], last, lane.top + run["slot"] * LANE, LANE - 1, fill, run["task"])
    for nap in lane.asleep:
        last = nap[1] if len(nap) > 1 else gone
        yield _box(axis, nap[0], last, lane.top, lane.height - GAP, "url(#asleep)")


def _box(axis: TimeAxis, start: float, end: float, y: float, height: float, fill: str, tip: str = "") -> str:
    title = (element("title", text=f"task {tip}: {start:.0f} to {end:.0f} s"),) if tip else ()
    width = max(axis.x(end) - axis.x(start), 0.5)
    return element("rect", *title, x=axis.x(start), y=y, width=width, height=height, fill=fill)


def _arrows(lanes: Mapping[str, _Lane], axis: TimeAxis) -> Iterator[str]:
    """Yield an arrow from each attempt to the next one of the same task on another VM."""
    latest: dict[str, tuple[_Lane, dict[str, Any]]] = {}
    runs = [(lane, run) for lane in lanes.values() for run in lane.runs]
    for lane, run in sorted(runs, key=lambda pair: float(pair[1]["start"])):
        if (known := latest.get(run["task"])) is not None and known[0] is not lane:
            yield _arrow(axis, known, (lane, run))
        latest[run["task"]] = lane, run


def _arrow(axis: TimeAxis, source: tuple[_Lane, Any], target: tuple[_Lane, Any]) -> str:
    left, old = source
    right, new = target
    ended = new["start"] if old["end"] is None else min(old["end"], new["start"])
    stopped = min([ended, *(nap[0] for nap in left.asleep if nap[0] >= old["start"])])
    return element(
        "line",
        x1=axis.x(stopped),
        y1=left.top + (old["slot"] + 0.5) * LANE,
        x2=axis.x(new["start"]),
        y2=right.top + (new["slot"] + 0.5) * LANE,
        stroke="#333333",
        stroke_width=0.8,
        marker_end="url(#arrow)",
    )


def _deadline(axis: TimeAxis, deadline: float, bottom: float) -> Iterator[str]:
    if axis.shows(deadline):
        x = axis.x(deadline)
        yield element("line", x1=x, x2=x, y1=HEAD - 8, y2=bottom, stroke=DEADLINE, stroke_width=2)
        yield _text(x, HEAD - 14, "deadline", 12, DEADLINE, text_anchor="middle")
