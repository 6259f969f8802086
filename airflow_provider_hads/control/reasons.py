"""What the reason codes of decisions about attempts mean, in words for the log."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_hads.control.actions import Reason

__all__ = ["explain"]

_MEANINGS: Mapping[Reason, str] = {
    Reason.LONGEST_FIRST: "a slot was free here, and it was the longest task that waited",
    Reason.BACKSTOP_NEEDS_IT: "the deadline was not safe without a copy on an on-demand VM",
    Reason.LEAST_LATENESS: "the deadline can't be kept for sure; this is the least lateness",
    Reason.COPY_OF_FROZEN: "its own VM is hibernated, and a slot here was idle",
    Reason.MIGRATED: "its own VM was interrupted",
    Reason.EARLIEST_END: "its own VM was interrupted, and it ends first here",
    Reason.STOLEN: "it ends sooner here than in the queue where it was",
    Reason.FOLLOWS_PLAN: "the plan has it next here",
}


def explain(code: str) -> str:
    """Return a reason's code and what it means for an attempt.

    :param code: as decisions and attempts have it.
    """
    meaning = next((text for reason, text in _MEANINGS.items() if reason.value == code), "")
    return f"{code}: {meaning}" if meaning else code
