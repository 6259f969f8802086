"""What makes a VM unfit, behind the back of the run that has launched it."""

from __future__ import annotations

import subprocess

__all__ = ["BREAKAGES", "OTHER_HOST", "inside"]

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"

OTHER_HOST = f"rm {HOST_KEY} && ssh-keygen -q -t ed25519 -N '' -f {HOST_KEY}"
"""Another host's key, for every connection from now on; an SSH server that has just begun goes on."""

BREAKAGES = (
    OTHER_HOST,
    "kill $(pgrep -o -x sshd)",
    "rm /home/*/.ssh/authorized_keys",
)
"""Another host's key, no SSH server, no key that opens it."""


def inside(vm: str, command: str) -> int:
    """Run a command on a VM as root, behind everybody's back, and return its exit code."""
    return subprocess.run(
        ["docker", "exec", vm, "sh", "-c", command], capture_output=True, timeout=60, check=False
    ).returncode
