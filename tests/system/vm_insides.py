"""What a VM itself knows, read behind everybody's back."""

from __future__ import annotations

import json
import subprocess

from airflow_provider_hads.vm.commands import DEFAULT_ROOT

__all__ = ["running_attempts"]


def running_attempts(instance_id: str) -> set[str]:
    """Return the attempts whose containers run on a VM by its runner's word; none before it has a runner."""
    command = ["docker", "exec", instance_id, "cat", f"{DEFAULT_ROOT}/status.json"]
    read = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if read.returncode != 0:
        return set()
    attempts = json.loads(read.stdout)["attempts"]
    return {attempt_id for attempt_id, attempt in attempts.items() if attempt["state"] == "running"}
