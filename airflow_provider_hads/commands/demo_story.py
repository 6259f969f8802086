"""What a person wants to read of the output of `airflow dags test`: the provider's own lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

__all__ = ["tell_story"]

_OWN_LINE = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\dT[\d:.]+)Z? +"
    r"\[(?P<level>\w+) *\] +"
    r"(?P<event>.*?) +"
    r"\[(?:airflow\.task\.\w+\.)?airflow_provider_hads\.[\w.]+\](?: \w+=.*)?$"
)
_OWN_TIME = re.compile(r"^\[ *[\d.]+ s\] ")
_OF_EVERY_SENSOR = "Success criteria met. Exiting."
_GROUP_BEGIN, _GROUP_END = "::group::", "::endgroup::"


def tell_story(lines: Iterable[str]) -> Iterator[str]:
    """Yield the provider's own lines with the seconds since the first of them.

    What it logs in a foldable group (a container's log, for instance) is left out.

    :param lines: Airflow's console log, without colours.
    """
    began: datetime | None = None
    folded = False
    for line in lines:
        match = _OWN_LINE.match(line.rstrip("\n"))
        if match is None:
            continue
        event = _OWN_TIME.sub("", match["event"])
        if event.startswith((_GROUP_BEGIN, _GROUP_END)):
            folded = event.startswith(_GROUP_BEGIN)
        elif not folded and event != _OF_EVERY_SENSOR:
            time = datetime.fromisoformat(match["time"])
            began = began or time
            yield _render((time - began).total_seconds(), match["level"], event)


def _render(seconds: float, level: str, event: str) -> str:
    prefix = "" if level == "info" else f"{level}: "
    return f"{seconds:7.1f} s  {prefix}{event}"
