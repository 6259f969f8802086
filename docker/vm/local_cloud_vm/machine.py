"""What a virtual machine has and a plain container lacks: mounts, services, a metadata address."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
METADATA_SERVICE = "169.254.169.254"


def _command(*words: str) -> None:
    subprocess.run(words, check=True, timeout=20)


def mount_file_systems() -> None:
    """Make the cgroups writable, ``/run`` empty, and give this boot an id of its own."""
    _mount_cgroups()
    _command("mount", "-t", "tmpfs", "-o", "mode=755,nosuid,nodev", "tmpfs", "/run")
    Path("/run/sshd").mkdir(mode=0o755)
    boot_id = Path("/run/boot_id")
    boot_id.write_text(f"{uuid.uuid4()}\n")
    _command("mount", "--bind", str(boot_id), "/proc/sys/kernel/random/boot_id")


def _mount_cgroups() -> None:
    if (CGROUPS / "cgroup.controllers").exists():
        _command("mount", "-o", "remount,bind,rw", str(CGROUPS))
        _delegate_controllers()
        return
    for hierarchy in CGROUPS.iterdir():
        if hierarchy.is_dir() and not hierarchy.is_symlink():
            _command("mount", "-o", "remount,bind,rw", str(hierarchy))


def _delegate_controllers() -> None:
    """Cgroup v2 hands controllers down only from a group without processes: move them one down."""
    leaf = CGROUPS / "init"
    leaf.mkdir(exist_ok=True)
    for pid in (CGROUPS / "cgroup.procs").read_text().split():
        (leaf / "cgroup.procs").write_text(pid)
    for controller in (CGROUPS / "cgroup.controllers").read_text().split():
        (CGROUPS / "cgroup.subtree_control").write_text(f"+{controller}")


def route_metadata(address: str) -> None:
    """Let the VM's own processes reach the metadata service, and its containers not (hop limit 1).

    :param address: ``host:port`` of the real service.
    """
    host, port = address.split(":")
    forwarded = ["iptables", "-t", "raw", "-A", "PREROUTING", "-p", "tcp"]
    _command(
        *["iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d", METADATA_SERVICE, "--dport", "80"],
        *["-j", "DNAT", "--to-destination", address],
    )
    _command(*forwarded, "-d", METADATA_SERVICE, "-j", "DROP")
    _command(*forwarded, "-d", host, "--dport", port, "-j", "DROP")


def start_docker() -> None:
    """Start the VM's own Docker engine; it is ready within a second."""
    with Path("/var/log/dockerd.log").open("ab") as log:
        subprocess.Popen(
            ["dockerd", "--experimental"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def start_sshd() -> None:
    """Start the SSH server, its log on the console."""
    subprocess.Popen(["/usr/sbin/sshd", "-D", "-e"], stdin=subprocess.DEVNULL, start_new_session=True)
