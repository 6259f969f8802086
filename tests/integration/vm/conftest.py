"""A runner as it is on a VM, beside a bucket and a metadata service on loopback ports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_hads.vm.bundle import runner_bundle
from tests.integration.vm.ssh_server import SshServer, processes_of

IMAGE = "synthetic"
BUCKET = "hads-test"
PREFIX = "12_0"
ENGINE = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")  # the one that holds the images
TOKEN = "a-token-of-the-metadata-service"


class _Metadata(BaseHTTPRequestHandler):
    """EC2's metadata service, version 2: nothing without a token."""

    def do_PUT(self) -> None:
        self._answer(TOKEN if self.path == "/latest/api/token" else None)

    def do_GET(self) -> None:
        credentials = {
            "AccessKeyId": "a",
            "SecretAccessKey": "hads-vm-secret",
            "Token": "t",
            "Expiration": "2999-01-01T00:00:00Z",
        }
        pages = {"": "hads-vm\n", "hads-vm": json.dumps(credentials)}
        folder, name = self.path.rsplit("/", 1)
        known = self.headers["X-aws-ec2-metadata-token"] == TOKEN
        right = known and folder == "/latest/meta-data/iam/security-credentials"
        self._answer(pages.get(name) if right else None)

    def _answer(self, text: str | None) -> None:
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture(scope="session")
def metadata_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    session = boto3.Session("a", "s", region_name="us-east-1")
    client = session.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET)
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
    client.close()


class Vm:
    """The runner's program and folder, without a machine around them."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.root = folder / "hads"
        self.program = folder / "runner.py"
        self.program.write_bytes(runner_bundle())
        self.config = config
        self.processes: list[subprocess.Popen[bytes]] = []
        self.root.mkdir()
        (self.root / "expiry").write_text(f"{time.time() + 3600:.0f}\n")

    def configure(self, **more: Any) -> None:
        (self.root / "runner.json").write_text(json.dumps({**self.config, **more}))

    def call(self, verb: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(self.program), verb, "--root", str(self.root)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)

    def exchange(self, epoch: int = 1, **message: Any) -> dict[str, Any]:
        answer = self.call("exchange", json.dumps({"epoch": epoch, **message}))
        assert answer.returncode == 0, answer.stderr
        status: dict[str, Any] = json.loads(answer.stdout)
        return status

    def run(self) -> subprocess.Popen[bytes]:
        self.configure()
        command = [sys.executable, "-I", str(self.program), "run", "--root", str(self.root)]
        with (self.root / "runner.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def order(self, command: str, attempt: str | None = None, **more: Any) -> dict[str, Any]:
        attempt = attempt or f"{more.get('task_id', '0')}-{uuid.uuid4().hex[:8]}"
        order = {"attempt_id": attempt, "task_id": "0", "position": 0, "command": command, "image": IMAGE}
        return {**order, "work_dir": "/work", "memory": 64, "files": [], "cpu_share": None, **more}

    def wait(self, done: Callable[[dict[str, Any]], bool], seconds: float = 40.0) -> dict[str, Any]:
        """Exchange until the status is as it should be; fail with it when that takes too long."""
        until = time.monotonic() + seconds
        status = self.exchange()
        while not done(status):
            assert time.monotonic() < until, (status, (self.root / "runner.log").read_text()[-3000:])
            time.sleep(0.1)
            status = self.exchange()
        return status

    def ended(self, *attempts: str, seconds: float = 40.0) -> list[dict[str, Any]]:
        """Wait until the attempts have ended and return how."""
        ends = ("finished", "failed", "cancelled")
        found = self.wait(
            lambda status: all(status["attempts"][it]["state"] in ends for it in attempts), seconds
        )
        return [found["attempts"][attempt] for attempt in attempts]

    def close(self) -> None:
        # An exchange may have started another loop, which waits for the first one's lock.
        (self.root / "runner.json").unlink(missing_ok=True)
        for process in self.processes:
            process.kill()
            process.wait(10)
        for number in processes_of(str(self.program)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        names = [f"hads-{attempt.name}" for attempt in (self.root / "attempts").glob("*")]
        if names:
            subprocess.run(["docker", "rm", "--force", *names], capture_output=True, timeout=60, check=False)


@pytest.fixture
def vm(tmp_path: Path, endpoint: str, metadata_url: str, s3: Any) -> Iterator[Vm]:
    config = {"prefix": PREFIX, "bucket": BUCKET, "region": "us-east-1", "endpoint": endpoint, "slots": 2}
    config["memory"] = 1024
    outside = {"metadata_url": metadata_url, "docker_socket": ENGINE or None}
    machine = Vm(tmp_path, {**config, **outside, "power_off": ["touch", str(tmp_path / "off")]})
    yield machine
    machine.close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """Return an sshd that is not started yet, with an Airflow connection that holds its client key."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    machine = SshServer(folder)
    connection = {"conn_type": "ssh", "extra": {"private_key": machine.client_key}}
    monkeypatch.setenv("AIRFLOW_CONN_HADS_TEST_SSH", json.dumps(connection))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield machine
    machine.stop()
