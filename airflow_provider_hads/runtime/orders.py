"""From a job's tasks to the orders for a VM's queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from airflow_provider_hads.control.actions import AssignTask
from airflow_provider_hads.control.attempts import attempt_id, next_number
from airflow_provider_hads.model.environment import InstanceType
from airflow_provider_hads.model.job import Job, Task
from airflow_provider_hads.model.run_state import VmRecord
from airflow_provider_hads.model.runner import StagedFile, TaskOrder
from airflow_provider_hads.model.settings import Settings

__all__ = ["OrderBook", "attempt_id", "next_number", "slots_of"]


def slots_of(instance_type: InstanceType, settings: Settings) -> int:
    """Return how many tasks a VM of that type runs at once."""
    return instance_type.vcpus if settings.scheduler.allow_parallel_execution else 1


@dataclass(frozen=True)
class OrderBook:
    """Writes orders for the tasks of one run.

    :param files: what is to be staged, by task id.
    :param generation: how often the run has been cleared.
    """

    job: Job
    instance_types: Mapping[str, InstanceType]
    settings: Settings
    files: Mapping[str, Sequence[StagedFile]]
    generation: int = 0

    def orders(self, vm: VmRecord, numbers: Mapping[str, int]) -> tuple[TaskOrder, ...]:
        """Return orders for a VM; their positions are those of the plan, so that later ones fit in between.

        :param numbers: by task id, the number of the attempt.
        """
        return tuple(
            self._order(self.job.tasks[task_id], vm, position, numbers[task_id])
            for position, task_id in enumerate(vm.task_ids)
            if task_id in numbers
        )

    def order(self, action: AssignTask, vm: VmRecord, position: int) -> TaskOrder:
        """Return the order for one attempt that the controller has decided on.

        :param position: its place in the VM's queue.
        """
        order = self._order(self.job.tasks[action.task_id], vm, position, 1)
        return replace(
            order, attempt_id=action.attempt_id, cpu_share=action.cpu_share, progress=action.progress
        )

    def _order(self, task: Task, vm: VmRecord, position: int, number: int) -> TaskOrder:
        return TaskOrder(
            attempt_id=attempt_id(task.id, number, self.generation),
            task_id=task.id,
            position=position,
            command=task.command,
            image=self.settings.docker.docker_image,
            work_dir=self.settings.docker.work_dir,
            memory=self._memory(task, self.instance_types[vm.instance_type]),
            files=tuple(self.files.get(task.id, ())),
            reserved=task.memory,
            cpu_share=vm.cpu_share,
        )

    def _memory(self, task: Task, instance_type: InstanceType) -> float:
        """Return the container's limit: its estimate, or its fair share of the VM where that is more.

        An estimate is no promise; a container that needs a little more is not killed while there is room.
        """
        return max(task.memory, instance_type.memory / slots_of(instance_type, self.settings))
