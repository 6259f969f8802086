"""What happens to the VMs of a demo, while its story is told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from airflow_provider_hads.exceptions import HadsError

if TYPE_CHECKING:
    from airflow_provider_hads.local_cloud import LocalCloud

__all__ = ["Happening", "Hibernation"]


class Happening(Protocol):
    """Lets something happen when the story has come so far."""

    def follow(self, line: str) -> None:
        """Take note of a line of the story; must not wait."""
        ...


class Hibernation:
    """EC2 takes a spot VM's capacity back when a task runs there: it hibernates, and does not come back.

    :param vm_id: the VM's id within its run.
    """

    def __init__(self, cloud: LocalCloud, vm_id: str) -> None:
        self._cloud = cloud
        self._vm_id = vm_id
        self._told = False

    def follow(self, line: str) -> None:
        """Hibernate the VM when its first task has started."""
        if self._told or not line.endswith(f" started on {self._vm_id}"):
            return
        self._told = True
        say(f"EC2 wants {self._vm_id}'s capacity back: it hibernates, and will not be resumed in this demo.")
        say("Its tasks are frozen with it. See what the controller decides, and why:")
        threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        try:
            self._cloud.interrupt(self._vm_id, "hibernate")
        except HadsError as error:
            say(f"{self._vm_id} could not be hibernated: {error}")


def say(sentence: str) -> None:
    """Print a sentence that is not from the run's log."""
    print(f"            >>> {sentence}", flush=True)
