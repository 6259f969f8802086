"""How the unfinished tasks of a VM go on elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.model.runner import AttemptState, Exchange
from airflow_provider_hads.runtime.blocks.following import withdrawal
from airflow_provider_hads.runtime.blocks.sighting import REBOOTED, Sighting, VmReader

if TYPE_CHECKING:
    from airflow_provider_hads.model.runner import AttemptStatus
    from airflow_provider_hads.runtime.blocks.tickets import Ticket
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["Moved", "migrate"]

log = logging.getLogger(__name__)

_STAYS = frozenset({AttemptState.UPLOADING, AttemptState.FINISHED})


@dataclass(frozen=True)
class Moved:
    """A task that was moved.

    :param old: id of its attempt on the VM that it has left.
    :param new: id of its attempt on the other one.
    """

    task_id: str
    old: str
    new: str


def migrate(toolbox: Toolbox, source: VmHandle, target: VmHandle) -> tuple[Moved, ...]:
    """Move the tasks that have not ended on a VM to another one; doing it again moves nothing twice.

    Tasks that are placed on that VM later go to the other one too.

    Where the VM answers, it gives back what waits and drops what runs. Where it does not, its tasks are
    moved all the same: should it resume, its attempts may finish too, but only one attempt of a task is
    ever published.

    :raises VmUnreachable: the target does not answer; the tasks are moved by the next try.
    :raises VmError: the source has been taken over, or is another host.
    :raises StorageError: the bucket can't be read or written.
    """
    # First: what is placed from now on goes to the target, and what was placed by now is listed.
    toolbox.tickets.hand_over(source, target)
    latest = toolbox.tickets.all_latest()
    published = toolbox.results.published([ticket.order.task_id for ticket in latest])
    open_tickets = [ticket for ticket in latest if ticket.order.task_id not in published]
    on_source = [ticket for ticket in open_tickets if ticket.vm.instance_id == source.instance_id]
    given_up = _withdraw(VmReader(toolbox, source), on_source)
    following = [(ticket, _ticket_for(toolbox, ticket, target)) for ticket in given_up]
    # Whoever was first may have had another target.
    moved = [(old, new) for old, new in following if new.vm.instance_id == target.instance_id]
    # Also those of an earlier try that was killed half-way: a VM leaves what it has as it is.
    waiting = [ticket for ticket in open_tickets if ticket.vm.instance_id == target.instance_id]
    _enqueue(toolbox, target, [*waiting, *(new for _, new in moved)])
    return tuple(Moved(old.order.task_id, old.order.attempt_id, new.order.attempt_id) for old, new in moved)


def _withdraw(source: VmReader, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Return the tickets of the attempts that will not, or need not, end on their VM."""
    if not tickets:
        return []
    sighting = source.look()
    if sighting.status is None:
        log.info("The VM does not answer (%s): all its tasks are moved", sighting.problem)
        return list(tickets)
    going = [ticket for ticket in tickets if _goes(ticket, sighting)]
    if going:
        sighting = source.look(withdrawal(*(ticket.order.attempt_id for ticket in going)))
    # What has come to its end meanwhile stays: its results are there, or on their way.
    return [ticket for ticket in going if _goes(ticket, sighting)]


def _goes(ticket: Ticket, sighting: Sighting) -> bool:
    if sighting.status is None:  # away since the first look
        return True
    attempt = sighting.status.attempts.get(ticket.order.attempt_id)
    return attempt is None or not _stays(attempt)


def _stays(attempt: AttemptStatus) -> bool:
    failed_by_itself = attempt.state is AttemptState.FAILED and attempt.error != REBOOTED
    return attempt.state in _STAYS or failed_by_itself


def _ticket_for(toolbox: Toolbox, ticket: Ticket, target: VmHandle) -> Ticket:
    """Return the ticket that follows on another one: ours, or that of a task which was placed meanwhile."""
    return toolbox.tickets.write(
        ticket.order.task_id,
        target,
        lambda attempt_id: replace(ticket.order, attempt_id=attempt_id),
        after=ticket.number,
    )


def _enqueue(toolbox: Toolbox, target: VmHandle, tickets: Sequence[Ticket]) -> None:
    if not tickets:
        return
    orders = tuple(ticket.order for ticket in tickets)
    sighting = VmReader(toolbox, target).look(Exchange(epoch=0, enqueue=orders))
    if sighting.status is None:
        raise VmUnreachable(f"The tasks can't be moved: {sighting.problem}")
