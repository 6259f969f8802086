"""Which attempt of each task is where: what a VM that can't be asked any more was to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from airflow_provider_hads.control.attempts import attempt_id
from airflow_provider_hads.model.runner import TaskOrder
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout

__all__ = ["Ticket", "Tickets"]


@dataclass(frozen=True)
class Ticket:
    """One attempt of a task.

    :param number: counted from 1; that with the highest number is the one that counts.
    :param order: what its VM is told.
    :param vm: where it was sent.
    """

    number: int
    order: TaskOrder
    vm: VmHandle


_TICKET = TypeAdapter(Ticket)
_VM: TypeAdapter[VmHandle | None] = TypeAdapter(VmHandle | None)


class Tickets:
    """The tickets of one run, each an object in the bucket that is written once (``If-None-Match: *``)."""

    def __init__(self, bucket: Bucket, layout: RunLayout) -> None:
        self._bucket = bucket
        self._layout = layout

    def write(self, task_id: str, vm: VmHandle, order: Callable[[str], TaskOrder], after: int = 0) -> Ticket:
        """Write the ticket of the attempt that follows on another one, unless somebody else has written it.

        Of those who see the same attempt lost or moved, one only writes the next one: no task has two.

        :param order: makes the order of an attempt's id.
        :param after: number of the attempt that it follows on; 0 for the task's first.
        :return: that ticket, or the latest one where somebody else was first.
        :raises StorageError: the bucket can't be read or written.
        """
        ours = Ticket(after + 1, order(attempt_id(task_id, after + 1)), vm)
        key = self._layout.ticket(task_id, ours.number)
        if self._bucket.put_if_absent(key, _TICKET.dump_json(ours, indent=1)):
            return ours
        return self.latest(task_id) or ours

    def latest(self, task_id: str) -> Ticket | None:
        """Return a task's last ticket; None if it has none yet.

        :raises StorageError: the bucket can't be read.
        """
        numbers = [number for _, number in self._keys(f"{task_id}/")]
        return self._read(task_id, max(numbers)) if numbers else None

    def all_latest(self) -> list[Ticket]:
        """Return the last ticket of each task, by task id.

        :raises StorageError: the bucket can't be read.
        """
        last: dict[str, int] = {}
        for task_id, number in self._keys(""):
            last[task_id] = max(number, last.get(task_id, 0))
        return [self._read(task_id, number) for task_id, number in sorted(last.items())]

    def hand_over(self, source: VmHandle, target: VmHandle) -> None:
        """Remember that tasks which are still meant for a VM go to another one from now on.

        :raises StorageError: the bucket can't be written.
        """
        self._bucket.put(self._layout.successor(target.instance_id), _VM.dump_json(None))  # it may come back
        self._bucket.put(self._layout.successor(source.instance_id), _VM.dump_json(target))

    def place_of(self, vm: VmHandle) -> VmHandle:
        """Return the VM itself, or the one that has taken over from it.

        :raises StorageError: the bucket can't be read.
        """
        seen = {vm.instance_id}
        while (content := self._bucket.find(self._layout.successor(vm.instance_id))) is not None:
            successor = _VM.validate_json(content)
            if successor is None or successor.instance_id in seen:
                break
            seen.add(successor.instance_id)
            vm = successor
        return vm

    def _read(self, task_id: str, number: int) -> Ticket:
        return _TICKET.validate_json(self._bucket.get(self._layout.ticket(task_id, number)))

    def _keys(self, below: str) -> Iterator[tuple[str, int]]:
        folder = self._layout.tickets
        for key in self._bucket.keys(f"{folder}{below}"):
            task_id, _, name = key[len(folder) :].rpartition("/")
            yield task_id, int(name.removesuffix(".json"))
