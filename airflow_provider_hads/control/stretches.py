"""How long VMs have been up and asleep."""

from __future__ import annotations

from airflow_provider_hads.control.ledger import amended
from airflow_provider_hads.model.run_state import VmRecord

__all__ = ["timed"]


def timed(before: VmRecord, after: VmRecord, elapsed: float, *, interrupted: bool = False) -> VmRecord:
    """Note how long a VM has been up or asleep, if that changes now.

    :param before: the VM before its change.
    :param after: and after it.
    :param elapsed: seconds since the run's start.
    :param interrupted: whether it has ended though nobody here has ended it.
    """
    was_asleep, is_asleep = before.state.asleep, after.state.asleep
    if not after.state.ended and was_asleep == is_asleep and before.since is not None:
        return after
    stretch = 0.0 if before.since is None else elapsed - before.since
    return amended(
        after,
        since=None if after.state.ended else elapsed,
        up=before.up + (0.0 if was_asleep else stretch),
        slept=before.slept + (stretch if was_asleep else 0.0),
        ended_asleep=after.state.ended and (was_asleep or before.ended_asleep),
        hibernations=before.hibernations + (is_asleep and not was_asleep) + interrupted,
        resumes=before.resumes + (was_asleep and not is_asleep and not after.state.ended),
    )
