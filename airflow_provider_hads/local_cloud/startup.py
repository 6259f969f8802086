"""Bringing a local cloud up and down, whatever state an earlier one has left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.control_client import ControlClient
from airflow_provider_hads.local_cloud.engine import DockerEngine
from airflow_provider_hads.local_cloud.network import make_network, remove_everything
from airflow_provider_hads.local_cloud.prices import PriceTable
from airflow_provider_hads.local_cloud.processes import (
    end_process,
    has_ended,
    is_alive,
    start_detached,
    start_time,
)
from airflow_provider_hads.local_cloud.state import ServerState, StateFolder

__all__ = ["UpOptions", "default_vm_image", "ensure_server", "remove_cloud", "running_server"]

START_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_TAIL = 1500


def default_vm_image() -> str:
    """Return ``$HADS_VM_IMAGE``, or the name under which docker/vm is built."""
    return os.environ.get("HADS_VM_IMAGE") or "hads-vm:latest"


@dataclass(frozen=True)
class UpOptions:
    """How a local cloud is to be.

    :param port: of the API on 127.0.0.1; 0 takes a free one.
    :param vm_image: Docker image of the VMs; None is ``$HADS_VM_IMAGE`` or ``hads-vm:latest``.
    :param images: workload images to put into the bucket.
    :param prices: an env.json whose prices replace built-in ones.
    :param boot_seconds: least time from launch to ``running``.
    :param relaunch_seconds: time until a persistent spot request launches again.
    :param events: make the events queue, and name it in the environment file.
    """

    port: int = 0
    vm_image: str | None = None
    images: Sequence[str] = ()
    prices: Path | None = None
    boot_seconds: float = 0.0
    relaunch_seconds: float = 2.0
    events: bool = False


def running_server(folder: StateFolder) -> ServerState | None:
    """Return the folder's server if it runs and answers."""
    server = folder.read_server()
    if server is None or not is_alive(server.pid, server.started):
        return None
    return server if ControlClient(server).is_up() else None


def ensure_server(folder: StateFolder, engine: DockerEngine, options: UpOptions) -> tuple[ServerState, bool]:
    """Return the running server, or start one after clearing away what an earlier one has left.

    :return: the server, and whether it was started now.
    :raises CloudError: no engine, no VM image, or the server does not come up. Nothing is left behind then,
        nor where this is interrupted.
    :raises InputError: the prices are no env.json.
    """
    running = running_server(folder)
    if running is not None:
        return running, False
    engine.ping()
    image = options.vm_image or default_vm_image()
    if not engine.image_exists(image):
        raise CloudError(
            f"The Docker engine has no VM image {image!r}: build it (docker build docker/vm, or make demo), "
            "or name another one with HADS_VM_IMAGE"
        )
    if options.prices:
        PriceTable.built_in().updated_from(options.prices)  # complains better than a server that ends
    remove_cloud(folder, engine)
    try:
        make_network(engine, folder.cloud_id)
        return _start(folder, options, image), True
    except BaseException:
        remove_cloud(folder, engine)
        raise


def remove_cloud(folder: StateFolder, engine: DockerEngine) -> int:
    """End the server and remove its containers, disks and network.

    :return: how many containers there were.
    """
    server = folder.read_server()
    if server is not None:
        # First the server: it would launch persistent spot requests again.
        end_process(server.pid, server.started)
    folder.forget_server()
    engine.ping()
    return remove_everything(engine, folder.cloud_id)


def _start(folder: StateFolder, options: UpOptions, image: str) -> ServerState:
    command = [sys.executable, "-m", "airflow_provider_hads.local_cloud", "serve"]
    command += ["--state-dir", str(folder.path), "--port", str(options.port), "--vm-image", image]
    command += ["--boot-seconds", str(options.boot_seconds)]
    command += ["--relaunch-seconds", str(options.relaunch_seconds)]
    if options.prices:
        command += ["--prices", str(options.prices.absolute())]
    folder.log_file.unlink(missing_ok=True)
    return _wait_until_up(folder, start_detached(command, folder.log_file, _environment()))


def _environment() -> dict[str, str]:
    """Return the server's environment: this package on the path, no AWS settings of the user."""
    package_parent = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    path = os.pathsep.join(filter(None, [package_parent, kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}


def _wait_until_up(folder: StateFolder, pid: int) -> ServerState:
    server = None
    try:
        server = _first_answer(folder, pid)
    finally:
        if server is None:
            end_process(pid, start_time(pid) or 0)
    if server is None:
        tail = folder.log_file.read_text(errors="replace")[-LOG_TAIL:]
        raise CloudError(f"The local cloud's server did not come up; the end of {folder.log_file}:\n{tail}")
    return server


def _first_answer(folder: StateFolder, pid: int) -> ServerState | None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and not has_ended(pid):
        server = folder.read_server()
        if server is not None and ControlClient(server).is_up():
            return server
        time.sleep(POLL_SECONDS)
    return None
