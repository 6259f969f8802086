"""The Docker Engine API over its socket: no command line tool is started, an exit is noticed at once."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from http.client import HTTPConnection, HTTPException
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_hads.vm.runner.store import RunnerError
from airflow_provider_hads.vm.runner.web import HttpError, answered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

__all__ = ["Engine"]

_JSON = "application/json"
_TIMEOUT = 120.0  # seconds for each wait on the socket; creating a container can take long on a busy VM
_LOOK = 60.0  # seconds after which a wait for a container's end is made anew
_START_UP = 180.0  # seconds for the engine to come up
_SMALLEST_MEMORY = 6 * 2**20  # bytes; Docker refuses less
_LOGS = {"Type": "json-file", "Config": {"max-size": "16m", "max-file": "2"}}


class Engine:
    """A Docker engine, seen through its API in the version that it prefers.

    :param socket_path: its Unix socket.
    """

    def __init__(self, socket_path: str = "/var/run/docker.sock", start_up: float = _START_UP) -> None:
        self._socket_path = socket_path
        self._start_up = start_up
        self._loading = threading.Lock()

    def wait_until_ready(self) -> None:
        """Return when the engine answers.

        :raises RunnerError: it does not in three minutes.
        """
        until = time.monotonic() + self._start_up
        while True:
            try:
                return self._do("GET", "/_ping", timeout=10.0)
            except (OSError, HTTPException) as error:
                if time.monotonic() >= until:
                    raise RunnerError(f"Docker does not answer on {self._socket_path}: {error}") from error
            time.sleep(0.5)

    @contextlib.contextmanager
    def only_one_loads(self) -> Iterator[None]:
        """Keep others from fetching the same image at the same time."""
        with self._loading:
            yield

    def has_image(self, image: str) -> bool:
        """Say whether the image is here."""
        return self._found(f"/images/{quote(image, safe='/:@')}/json") is not None

    def load_image(self, tar: IO[bytes]) -> None:
        """Load images from what ``docker save`` wrote."""
        with self._opened("POST", "/images/load?quiet=1", body=tar, kind="application/x-tar") as response:
            self._watch(response)

    def pull_image(self, image: str) -> None:
        """Pull an image from its registry, without credentials.

        :raises RunnerError: the registry does not have it, or does not answer.
        """
        tagged = image if "@" in image or ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"
        with self._opened("POST", f"/images/create?fromImage={quote(tagged, safe='')}") as response:
            self._watch(response)

    def create(self, name: str, order: dict[str, Any], work: str) -> None:
        """Make an attempt's container.

        :param work: the folder that the container sees as its work folder.
        """
        memory = max(_SMALLEST_MEMORY, int(order["memory"] * 2**20))
        host: dict[str, Any] = {
            "Memory": memory,
            "MemorySwap": memory,
            "Mounts": [{"Type": "bind", "Source": work, "Target": order["work_dir"]}],
            "LogConfig": _LOGS,
        }
        if order.get("cpu_share") is not None:
            host["NanoCpus"] = max(10**7, int(order["cpu_share"] * 10**9))
        self._do(
            "POST",
            f"/containers/create?name={name}",
            {
                "Image": order["image"],
                "Cmd": ["sh", "-c", order["command"]],
                "WorkingDir": order["work_dir"],
                "Labels": {"hads.attempt": order["attempt_id"], "hads.task": order["task_id"]},
                "HostConfig": host,
            },
        )

    def start(self, name: str) -> None:
        """Start a container; one that runs is left alone."""
        self._do("POST", f"/containers/{name}/start")

    def inspect(self, name: str) -> dict[str, Any] | None:
        """Return what the engine knows about a container, or None if it knows none of that name."""
        return self._found(f"/containers/{name}/json")

    def wait(self, name: str) -> int:
        """Return a container's exit code when it has ended, even if the engine restarts meanwhile."""
        while True:
            try:
                with self._opened("POST", f"/containers/{name}/wait", timeout=_LOOK) as response:
                    return int(json.loads(response.read())["StatusCode"])
            except HttpError:
                raise
            except (OSError, HTTPException, ValueError) as error:  # time to look again, or a new engine
                logging.info("waiting for %s anew: %s", name, error)
                self.wait_until_ready()

    def kill(self, name: str) -> None:
        """Kill a container, if it runs."""
        with contextlib.suppress(HttpError):
            self._do("POST", f"/containers/{name}/kill")

    def remove(self, name: str) -> None:
        """Remove a container, if there is one."""
        with contextlib.suppress(HttpError):
            self._do("DELETE", f"/containers/{name}?force=1&v=1")

    def output(self, name: str) -> Iterator[bytes]:
        """Yield a container's stdout and stderr in the order in which they were written."""
        with self._opened("GET", f"/containers/{name}/logs?stdout=1&stderr=1") as response:
            for header in iter(lambda: response.read(8), b""):
                yield response.read(int.from_bytes(header[4:], "big"))

    def _found(self, target: str) -> dict[str, Any] | None:
        try:
            with self._opened("GET", target) as response:
                content: dict[str, Any] = json.loads(response.read())
        except HttpError as error:
            if error.status == 404:
                return None
            raise
        return content

    def _do(self, method: str, target: str, content: Any = None, timeout: float = _TIMEOUT) -> None:
        body = None if content is None else json.dumps(content).encode()
        with self._opened(method, target, body=body, timeout=timeout) as response:
            response.read()

    @contextlib.contextmanager
    def _opened(
        self, method: str, target: str, body: Any = None, kind: str = _JSON, timeout: float = _TIMEOUT
    ) -> Iterator[HTTPResponse]:
        link = socket.socket(socket.AF_UNIX)
        connection = HTTPConnection("docker", timeout=timeout)
        connection.sock = link
        link.settimeout(timeout)
        try:
            link.connect(self._socket_path)
            with answered(connection, method, target, {"Content-Type": kind}, body) as response:
                yield response
        finally:
            link.close()

    @staticmethod
    def _watch(response: HTTPResponse) -> None:
        for line in response:
            if b'"error"' in line:
                raise RunnerError(str(json.loads(line).get("error", line)))
