"""Another controller that speaks to a run's VMs."""

from __future__ import annotations

import json
import subprocess

__all__ = ["let_another_controller_take_over"]


def let_another_controller_take_over(instance_id: str) -> None:
    """Speak to a VM's runner as a controller of a far later try would."""
    subprocess.run(
        ["docker", "exec", "-i", instance_id, "python3", "-I", "/opt/hads/runner.py", "exchange"],
        input=json.dumps({"epoch": 99}),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
