"""How a task of a hand-written DAG comes into a VM's queue, once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import InputError, VmUnreachable
from airflow_provider_hads.model.runner import AttemptState, Exchange, StagedFile, TaskOrder
from airflow_provider_hads.runtime.blocks.sighting import Sighting, VmReader
from airflow_provider_hads.storage.inputs import FileToStage, stage_file

if TYPE_CHECKING:
    from airflow_provider_hads.runtime.blocks.tickets import Ticket
    from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["DockerTask", "place"]

log = logging.getLogger(__name__)

_MOST_MOVES = 10
"""VMs that one after the other are left while a task is placed: more are left for each other in a circle."""


@dataclass(frozen=True)
class DockerTask:
    """One command in a container.

    :param task_id: a safe name, unique in the run.
    :param memory: MB, the container's limit; None is the task's share of its VM.
    :param files: what it finds in its work folder: path there, and the file here.
    :param position: the VM's queue is worked off in ascending position.
    """

    task_id: str
    command: str
    image: str
    work_dir: str
    memory: float | None
    files: Mapping[str, Path]
    position: int

    def order(self, attempt_id: str, vm: VmHandle, files: tuple[StagedFile, ...]) -> TaskOrder:
        """Return what a VM is told."""
        memory = self.memory or vm.memory / vm.slots
        return TaskOrder(
            attempt_id=attempt_id,
            task_id=self.task_id,
            position=self.position,
            command=self.command,
            image=self.image,
            work_dir=self.work_dir,
            memory=memory,
            reserved=memory,
            files=files,
        )


def place(toolbox: Toolbox, task: DockerTask, vm: VmHandle) -> Ticket:
    """Put a task into a VM's queue, unless an earlier try's attempt still goes on, there or elsewhere.

    Where the VM's tasks were moved to another one, or are while this goes on, it goes there.

    :return: the attempt to wait for.
    :raises InputError: a file can't be staged under its path.
    :raises VmUnreachable: the VM does not answer; another try finds the same attempt.
    :raises StorageError: the bucket can't be read or written.
    """
    earlier = toolbox.tickets.latest(task.task_id)
    if earlier is not None and _goes_on(toolbox, earlier):
        log.info("Attempt %s on %s goes on", earlier.order.attempt_id, earlier.vm.vm_id)
        return earlier
    ticket = _write(toolbox, task, vm, earlier)
    sighting = _enqueue(toolbox, ticket)
    if sighting.status is None and _is_lost(ticket, sighting):
        raise VmUnreachable(f"{sighting.problem}: provision it again, or another one")
    if sighting.status is None:
        log.warning("Attempt %s waits for its VM: %s", ticket.order.attempt_id, sighting.problem)
    else:
        log.info("Attempt %s is in the queue of %s", ticket.order.attempt_id, ticket.vm.vm_id)
    return ticket


def _goes_on(toolbox: Toolbox, ticket: Ticket) -> bool:
    """Say whether an earlier try's attempt needs none in its place.

    A VM that was left for another one is asked for it, but not given it anew: that try may have been killed
    before it has seen the change, and whoever moved the VM's tasks does not know of this one then.
    """
    if _place_of(toolbox, ticket) is None:
        return not _is_lost(ticket, _enqueue(toolbox, ticket))
    sighting = VmReader(toolbox, ticket.vm).look()
    return sighting.status is not None and not _is_lost(ticket, sighting)


def _write(toolbox: Toolbox, task: DockerTask, vm: VmHandle, earlier: Ticket | None) -> Ticket:
    """Write the ticket of the task's next attempt, for the VM that its VM's tasks go to.

    A migration first says where tasks go from now on, and lists them then. So whoever finds his VM still in
    charge after he has written his ticket is on that list; whoever does not moves his ticket himself.
    """
    files, place = _staged(toolbox, task), toolbox.tickets.place_of(vm)
    number = 0 if earlier is None else earlier.number
    for _ in range(_MOST_MOVES):
        order = partial(task.order, vm=place, files=files)
        ticket = toolbox.tickets.write(task.task_id, place, order, after=number)
        moved_to = _place_of(toolbox, ticket)
        if moved_to is None:
            return ticket
        number, place = ticket.number, moved_to
    log.warning(
        "Attempt %s stays on %s, which is left again and again", ticket.order.attempt_id, ticket.vm.vm_id
    )
    return ticket


def _place_of(toolbox: Toolbox, ticket: Ticket) -> VmHandle | None:
    """Return the VM that has taken over from a ticket's; None while that has been left by nobody."""
    place = toolbox.tickets.place_of(ticket.vm)
    return None if place.instance_id == ticket.vm.instance_id else place


def _enqueue(toolbox: Toolbox, ticket: Ticket) -> Sighting:
    """Look at an attempt's VM, and see to it that the order is there: an earlier try may have been killed."""
    return VmReader(toolbox, ticket.vm).look(Exchange(epoch=0, enqueue=(ticket.order,)))


def _is_lost(ticket: Ticket, sighting: Sighting) -> bool:
    """Say whether an attempt needs another one in its place; one whose VM may come back does not."""
    if sighting.status is None:
        return sighting.instance is None or sighting.instance.state.ended
    attempt = sighting.status.attempts.get(ticket.order.attempt_id)
    if attempt is None:  # it was withdrawn: a VM takes nothing twice
        return True
    return attempt.state in (AttemptState.FAILED, AttemptState.CANCELLED)


def _staged(toolbox: Toolbox, task: DockerTask) -> tuple[StagedFile, ...]:
    uploaded: set[str] = set()
    return tuple(
        stage_file(toolbox.bucket, toolbox.layout, _to_stage(path, source), uploaded)
        for path, source in sorted(task.files.items())
    )


def _to_stage(path: str, source: Path) -> FileToStage:
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts or not path.isprintable():
        raise InputError("task", "files", f"{path!r} is no path inside the work folder")
    if not source.is_file():
        raise InputError("task", "files", f"{source} is no file here")
    return FileToStage(path, source, source.stat().st_mode)
