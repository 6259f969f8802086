"""The boot sequence: machine, user data, services, scripts."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from local_cloud_vm import machine, metadata
from local_cloud_vm.apply import apply_config, prepare_ssh
from local_cloud_vm.cloud_config import CloudConfig, ConfigError, parse_user_data
from local_cloud_vm.console import say

INSTANCE_FILE = Path("/var/lib/cloud/data/instance-id")
PER_BOOT_SCRIPTS = Path("/var/lib/cloud/scripts/per-boot")
SCRIPT_TIMEOUT_SECONDS = 300


def boot(metadata_address: str) -> int:
    """Bring the machine up.

    :param metadata_address: ``host:port`` of the metadata service; in the VM it is 169.254.169.254.
    :return: 0, or 1 when the user data or a script of it failed; the machine stays on all the same.
    """
    started = time.monotonic()
    machine.mount_file_systems()
    machine.route_metadata(metadata_address)
    machine.start_docker()
    status = _boot_with_user_data()
    say(f"boot: done in {time.monotonic() - started:.1f} s")
    return status


def _boot_with_user_data() -> int:
    try:
        config = _configure_once()
    except ConfigError as error:
        say(f"cloud-config: ERROR: {error}")
        prepare_ssh(CloudConfig())
        machine.start_sshd()
        return 1
    machine.start_sshd()
    scripts = sorted(PER_BOOT_SCRIPTS.iterdir())
    commands: list[str | list[str]] = [[str(script)] for script in scripts if script.stat().st_mode & 0o100]
    failed = [command for command in commands + list(config.runcmd) if not _run(command)]
    return 1 if failed else 0


def _configure_once() -> CloudConfig:
    """Apply the user data on the first boot of this instance; later boots keep what is there."""
    instance_id = metadata.get("meta-data/instance-id") or ""
    if INSTANCE_FILE.exists() and INSTANCE_FILE.read_text() == instance_id:
        return CloudConfig()
    config = parse_user_data(metadata.get("user-data") or "")
    apply_config(config, default_user_key=metadata.get("meta-data/public-keys/0/openssh-key"))
    INSTANCE_FILE.parent.mkdir(parents=True, exist_ok=True)
    INSTANCE_FILE.write_text(instance_id)
    return config


def _run(command: str | list[str]) -> bool:
    """Run one script or ``runcmd`` line, its output on the console."""
    try:
        result = subprocess.run(
            command,
            shell=isinstance(command, str),
            stdin=subprocess.DEVNULL,
            timeout=SCRIPT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"cloud-config: ERROR: {command}: {error}")
        return False
    if result.returncode:
        say(f"cloud-config: ERROR: {command} ended with exit code {result.returncode}")
    return result.returncode == 0
