"""A task of a hand-written DAG, followed from VM to VM until it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_hads.model.runner import AttemptStatus, Exchange
from airflow_provider_hads.runtime.blocks.sighting import Sighting, Standing, standing_of

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.tickets import Ticket, Tickets

__all__ = ["Follower", "TaskEnd", "withdrawal"]

log = logging.getLogger(__name__)

_ATTEMPT = TypeAdapter(AttemptStatus)


@dataclass(frozen=True)
class TaskEnd:
    """How the wait for a task has ended.

    :param attempt: as its VM has reported it; None where it has ended for another reason.
    :param problem: that reason, one line.
    :param late: it had its time, and may still go on.
    """

    attempt: AttemptStatus | None = None
    problem: str = ""
    late: bool = False

    def to_event(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        attempt = None if self.attempt is None else _ATTEMPT.dump_python(self.attempt, mode="json")
        return {"attempt": attempt, "problem": self.problem, "late": self.late}

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> TaskEnd:
        """Read what :meth:`to_event` gave."""
        known = event["attempt"]
        return cls(
            None if known is None else _ATTEMPT.validate_python(known), event["problem"], event["late"]
        )


class Follower:
    """Decides, look by look, whether a task has ended.

    An interrupted VM may resume, or the task may be moved to another one: then a later ticket says where.

    :param ticket: the attempt to begin with.
    :param patience: seconds that an attempt may be astray.
    :param until: when to give up, on the clock that :meth:`judge` is told.
    """

    def __init__(self, tickets: Tickets, ticket: Ticket, *, patience: float, until: float) -> None:
        self.ticket = ticket
        self._tickets = tickets
        self._patience = patience
        self._until = until
        self._astray_since: float | None = None

    def judge(self, sighting: Sighting, now: float) -> TaskEnd | None:
        """Return the task's end, or None while it goes on; :attr:`ticket` may have changed then.

        :param sighting: a look at the VM of :attr:`ticket`.
        :param now: seconds of a clock that only rises.
        :raises StorageError: the tickets can't be read.
        """
        order = self.ticket.order
        standing, why = standing_of(order.attempt_id, sighting)
        if standing is Standing.ENDED and sighting.status is not None:
            return TaskEnd(sighting.status.attempts[order.attempt_id])
        if now >= self._until:
            return TaskEnd(problem=f"attempt {order.attempt_id} has not ended in time", late=True)
        if standing is Standing.WORKING:
            self._come_back()
            return None
        return self._look_for_it(why, now)

    def _come_back(self) -> None:
        if self._astray_since is not None:
            log.info("Attempt %s goes on", self.ticket.order.attempt_id)
        self._astray_since = None

    def _look_for_it(self, why: str, now: float) -> TaskEnd | None:
        latest = self._tickets.latest(self.ticket.order.task_id)
        if latest is not None and latest.number > self.ticket.number:
            was, self.ticket, self._astray_since = self.ticket, latest, None
            log.info("Moved from %s to %s (%s)", was.vm.vm_id, latest.vm.vm_id, why)
            return None
        if self._astray_since is None:
            self._astray_since = now
            log.warning("Attempt %s is astray: %s", self.ticket.order.attempt_id, why)
        if now - self._astray_since < self._patience:
            return None
        problem = f"attempt {self.ticket.order.attempt_id} was astray for {self._patience:g} s"
        return TaskEnd(problem=f"{problem}, and nobody has moved its task: {why}")


def withdrawal(*attempt_ids: str) -> Exchange:
    """Return the message that drops attempts, waiting or running."""
    return Exchange(epoch=0, steal=attempt_ids, cancel=attempt_ids)
