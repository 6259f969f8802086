"""The local cloud as users and tests handle it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import TracebackType
from typing import Any

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.control_client import ControlClient
from airflow_provider_hads.local_cloud.engine import DockerEngine
from airflow_provider_hads.local_cloud.network import vm_containers
from airflow_provider_hads.local_cloud.session import (
    BUCKET,
    EVENTS_QUEUE,
    REGION,
    make_events_queue,
    make_session,
    upload_image,
)
from airflow_provider_hads.local_cloud.startup import UpOptions, ensure_server, remove_cloud, running_server
from airflow_provider_hads.local_cloud.state import ServerState, StateFolder, default_state_folder
from airflow_provider_hads.local_cloud.status import BillItem, CloudVm
from airflow_provider_hads.local_cloud.trouble import Trouble

__all__ = ["LocalCloud"]

RELAUNCH_MARGIN = 1.0
"""Seconds by which a run's pause between two looks for leftovers is longer than that before a relaunch."""


class LocalCloud(Trouble):
    """A cloud in a box: EC2, S3, SQS and prices on this machine, every instance a VM-like container.

    .. code-block:: python

        with LocalCloud.start(tmp_path / "cloud") as cloud:
            cloud.fault("RunInstances", mode="fail-after", code="InternalError")
            os.environ.update(cloud.environment())
            ...
            assert cloud.containers() == []

    Use :meth:`start` or :meth:`attach` to get one.
    """

    bucket = BUCKET
    region = REGION

    def __init__(self, folder: StateFolder, server: ServerState) -> None:
        self._folder = folder
        self._server = server
        self._clients: dict[tuple[str, str], Any] = {}
        super().__init__(ControlClient(server))

    @classmethod
    def start(cls, state_dir: Path | None = None, options: UpOptions | None = None) -> LocalCloud:
        """Bring the cloud of a state folder up, or use it as it is when it is up.

        :param state_dir: None is the user's own local cloud.
        :param options: only for a cloud that is not up yet.
        :raises CloudError: it can't; the message says what to do. Nothing is left behind then.
        """
        folder = StateFolder(state_dir or default_state_folder())
        options = options or UpOptions()
        engine = DockerEngine.local()
        with folder.locked():
            server, fresh = ensure_server(folder, engine, options)
            cloud = cls(folder, server)
            try:
                cloud._complete(engine, options, fresh)
            except BaseException:
                if fresh:
                    remove_cloud(folder, engine)
                raise
        return cloud

    @classmethod
    def attach(cls, state_dir: Path | None = None) -> LocalCloud:
        """Return the cloud of a state folder that is up already.

        :raises CloudError: it is not.
        """
        folder = StateFolder(state_dir or default_state_folder())
        server = running_server(folder)
        if server is None:
            raise CloudError(f"No local cloud runs with state folder {folder.path}: start one with `up`")
        return cls(folder, server)

    @staticmethod
    def remove(state_dir: Path | None = None) -> int:
        """End the cloud of a state folder and all it has left, even if its server is long dead.

        The server is ended even where no Docker engine answers.

        :return: how many VM containers there were.
        :raises CloudError: no engine answers, so that VMs may be left.
        """
        folder = StateFolder(state_dir or default_state_folder())
        engine = DockerEngine.local()
        with folder.locked():
            return remove_cloud(folder, engine)

    def _complete(self, engine: DockerEngine, options: UpOptions, fresh: bool) -> None:
        s3 = None
        if fresh or not self._folder.environment_file.exists():
            queue = EVENTS_QUEUE if options.events else ""
            make_session(self._folder, self._server, queue, options.relaunch_seconds + RELAUNCH_MARGIN)
            s3 = self.client("s3")
            s3.create_bucket(Bucket=BUCKET)
            if options.events:
                self.make_events_queue()
        for image in options.images:
            s3 = s3 or self.client("s3")
            upload_image(engine, s3, image, self._folder.path)

    def __enter__(self) -> LocalCloud:
        """Return the cloud itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the cloud and all that it runs."""
        self.down()

    def down(self) -> None:
        """End the server, its VMs, disks and network."""
        self.remove(self._folder.path)

    @property
    def endpoint_url(self) -> str:
        """The AWS API, from this machine."""
        return self._server.endpoint_url

    @property
    def vm_endpoint_url(self) -> str:
        """The AWS API, from VMs; it takes the credentials of their role only."""
        return self._server.vm_endpoint_url

    @property
    def image_id(self) -> str:
        """The one AMI there is."""
        return self._server.image_id

    @property
    def server_pid(self) -> int:
        """Process id of the server."""
        return self._server.pid

    @property
    def state_dir(self) -> Path:
        """The state folder."""
        return self._folder.path

    def environment(self) -> dict[str, str]:
        """Return the variables that point Airflow and this provider at the cloud."""
        lines = shlex.split(self._folder.environment_file.read_text(), comments=False)
        pairs = [word.partition("=") for word in lines if word != "export"]
        return {name: value for name, _, value in pairs}

    def private_key(self) -> str:
        """Return the SSH client key, OpenSSH PEM."""
        return self._folder.key_file.read_text()

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client of the cloud; the same again, for it takes a fifth of a second to make one.

        :param service: ``ec2``, ``s3``, ``pricing`` ...
        :param options: more arguments for ``boto3.client``; a client with such is made anew.
        """
        connection = self.environment()["AIRFLOW_CONN_HADS_LOCAL_AWS"]
        if options:
            return self._new_client(service, connection, **options)
        known = service, connection
        if known not in self._clients:
            self._clients[known] = self._new_client(*known)
        return self._clients[known]

    def _new_client(self, service: str, aws_connection: str, **options: Any) -> Any:
        import boto3

        connection = json.loads(aws_connection)
        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=connection["login"],
            aws_secret_access_key=connection["password"],
            **options,
        )

    def containers(self) -> list[str]:
        """Return the names (instance ids) of the VM containers that are running, asked of Docker itself."""
        found = vm_containers(DockerEngine.local(), self._folder.cloud_id)
        return sorted(str(item["Names"][0]).lstrip("/") for item in found)

    def vms(self) -> list[CloudVm]:
        """Return all VMs that have not been terminated."""
        return [CloudVm(**item) for item in self._control.get("vms")]

    def bill(self, run: str | None = None) -> list[BillItem]:
        """Return what every instance has cost so far, in the order of launch, ended ones included.

        :param run: only those of this run: its name (``<job>_<execution>``) or uid.
        """
        items = [BillItem.from_json(item) for item in self._control.get("bill")]
        return [item for item in items if run is None or run in (item.run, item.run_name)]

    def make_events_queue(self, name: str = EVENTS_QUEUE) -> str:
        """Make an SQS queue, and the EventBridge rule that puts EC2's events about instances there.

        It is what a user sets up on EC2; ``[hads] events_queue`` names it to the provider.

        :return: the queue's URL.
        """
        return make_events_queue(self.client("sqs"), self.client("events"), name)

    def remove_bucket(self) -> None:
        """Delete the bucket with all that is in it."""
        s3 = self.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        s3.delete_bucket(Bucket=BUCKET)

    def request_times(self) -> dict[str, list[float]]:
        """Return when each API action was called, Unix seconds."""
        return {action: list(times) for action, times in self._control.get("requests").items()}

    def requests(self, action: str) -> int:
        """Return how often an API action was called; for S3: ``s3:PUT`` and the like."""
        return len(self.request_times().get(action, []))
