"""VMs that refuse SSH, or show another host key, for tests of what a controller makes of that."""

from __future__ import annotations

import threading

from airflow_provider_hads.local_cloud.containers import VmContainers

__all__ = ["SshDoors"]

_RULE = "INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
_CLOSE = f"iptables -w 5 -C {_RULE} 2>/dev/null || iptables -w 5 -I {_RULE}"
_OPEN = f"while iptables -w 5 -D {_RULE} 2>/dev/null; do :; done"
_NEW_HOST_KEYS = "rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -A && pkill -HUP -o -x sshd"


class SshDoors:
    """Which VMs refuse SSH; used by many threads."""

    def __init__(self, containers: VmContainers) -> None:
        self._containers = containers
        self._lock = threading.Lock()
        self._closed: set[str] = set()
        self._all_closed = False

    def close(self, instance_id: str) -> None:
        """Let a VM refuse SSH: connections are reset, those that are open too.

        :raises EngineError: the engine can't, for example because the VM is frozen.
        """
        with self._lock:
            self._closed.add(instance_id)
        self.apply(instance_id)

    def close_all_to_come(self) -> None:
        """Let every VM refuse SSH that starts from now on."""
        with self._lock:
            self._all_closed = True

    def open(self, instance_id: str) -> None:
        """Let a VM accept SSH again.

        :raises EngineError: the engine can't.
        """
        with self._lock:
            self._closed.discard(instance_id)
        self._containers.execute(instance_id, ["sh", "-c", _OPEN])

    def open_all_to_come(self) -> None:
        """Let VMs that start from now on accept SSH."""
        with self._lock:
            self._all_closed = False

    def apply(self, instance_id: str) -> None:
        """Close the door of a VM that has just started, if it is to be closed.

        :raises EngineError: the engine can't.
        """
        with self._lock:
            closed = self._all_closed or instance_id in self._closed
        if closed:
            self._containers.execute(instance_id, ["sh", "-c", _CLOSE])

    def change_host_key(self, instance_id: str) -> None:
        """Give a VM new host keys, as if another machine had its address; open connections stay.

        :raises EngineError: the engine can't.
        """
        self._containers.execute(instance_id, ["sh", "-c", _NEW_HOST_KEYS])
