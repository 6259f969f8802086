"""The server process: three listeners over one cloud."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from airflow_provider_hads.local_cloud.api import AwsApi, VmApi
from airflow_provider_hads.local_cloud.capacity import CapacityBook
from airflow_provider_hads.local_cloud.containers import VmContainers
from airflow_provider_hads.local_cloud.control import ControlledApi
from airflow_provider_hads.local_cloud.control_routes import (
    ec2_routes,
    fault_routes,
    hazard_routes,
    sabotage_routes,
)
from airflow_provider_hads.local_cloud.credentials import CredentialBook
from airflow_provider_hads.local_cloud.credit_metrics import CreditMetrics
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.engine import DockerEngine
from airflow_provider_hads.local_cloud.events import EventBus
from airflow_provider_hads.local_cloud.fault_rates import FaultDice
from airflow_provider_hads.local_cloud.faults import FaultBook, RequestLog
from airflow_provider_hads.local_cloud.hazard_runner import HazardRunner
from airflow_provider_hads.local_cloud.interruptions import Interruptions
from airflow_provider_hads.local_cloud.lifecycle import Lifecycle, Timing
from airflow_provider_hads.local_cloud.listener import Listener
from airflow_provider_hads.local_cloud.metadata_service import MetadataService
from airflow_provider_hads.local_cloud.network import Addresses, gateway_of, network_name
from airflow_provider_hads.local_cloud.prices import PriceTable
from airflow_provider_hads.local_cloud.processes import start_time
from airflow_provider_hads.local_cloud.ssh_doors import SshDoors
from airflow_provider_hads.local_cloud.state import ServerState, StateFolder

__all__ = ["ServerOptions", "serve"]

_log = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServerOptions:
    """How a local cloud is to be.

    :param port: of the API on loopback; 0 takes a free one.
    :param vm_image: name of the Docker image of VMs.
    :param prices: an env.json whose prices replace built-in ones.
    """

    port: int = 0
    vm_image: str = "hads-vm:latest"
    prices: Path | None = None
    timing: Timing = field(default_factory=Timing)


def serve(folder: StateFolder, options: ServerOptions) -> None:
    """Run the cloud until SIGTERM. Its containers stay; who ended it removes them.

    :param folder: state folder; the network has been made already.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    engine = DockerEngine.local()
    gateway = gateway_of(engine, folder.cloud_id)
    image_id = f"ami-{folder.cloud_id}".ljust(21, "0")
    prices = _prices(options.prices)
    credentials, faults, dice, log = CredentialBook(), FaultBook(), FaultDice(), RequestLog()
    lock = threading.RLock()
    metadata = Listener(gateway)
    containers = VmContainers(
        engine,
        folder.cloud_id,
        options.vm_image,
        network_name(folder.cloud_id),
        metadata.address,
        Addresses(engine, folder.cloud_id).take,
    )
    capacity, doors = CapacityBook(), SshDoors(containers)
    lifecycle = Lifecycle(containers, doors, lock, options.timing, EventBus())
    ec2 = LocalEc2(lifecycle, prices, capacity, image_id, lock)
    interruptions = Interruptions(lifecycle, lock)
    CreditMetrics(ec2, containers)
    api = AwsApi(lock, prices, faults, dice, log)
    routes = {
        **ec2_routes(ec2, interruptions),
        **fault_routes(faults, dice, capacity, log),
        **hazard_routes(HazardRunner(ec2, interruptions, capacity)),
        **sabotage_routes(ec2, doors),
    }
    token = secrets.token_urlsafe(24)
    loopback = Listener(LOOPBACK, options.port)
    bridge = Listener(gateway)
    metadata.start(MetadataService(ec2, credentials))
    bridge.start(VmApi(api, credentials))
    loopback.start(ControlledApi(api, routes, token))
    started = start_time(os.getpid()) or 0
    folder.write_server(ServerState(os.getpid(), started, loopback.url, bridge.url, image_id, token))
    _log.info("up: %s, for VMs %s, metadata %s", loopback.url, bridge.url, metadata.url)
    _wait_for_end()


def _prices(path: Path | None) -> PriceTable:
    table = PriceTable.built_in()
    return table.updated_from(path) if path else table


def _wait_for_end() -> None:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ended.wait()
    _log.info("down")
