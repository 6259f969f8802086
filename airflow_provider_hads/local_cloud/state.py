"""The state folder of a local cloud: where its files are, and who may touch them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_provider_hads.exceptions import CloudError

__all__ = ["ServerState", "StateFolder", "default_state_folder"]


def default_state_folder() -> Path:
    """Return ``$XDG_STATE_HOME/airflow_provider_hads/local-cloud``."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "airflow_provider_hads" / "local-cloud"


@dataclass(frozen=True)
class ServerState:
    """What the server process says about itself once it is up.

    :param pid: of the server process.
    :param started: its start in clock ticks since boot, so that a reused pid is not taken for it.
    :param endpoint_url: the API, from this machine.
    :param vm_endpoint_url: the API, from VMs.
    :param control_token: secret of the control routes.
    """

    pid: int
    started: int
    endpoint_url: str
    vm_endpoint_url: str
    image_id: str
    control_token: str


class StateFolder:
    """One local cloud's folder; made where it is missing, for its owner only.

    :param path: any writable place; two clouds need two folders.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    @property
    def cloud_id(self) -> str:
        """Label of all that the cloud leaves in Docker; it follows from the path, so it is never lost."""
        return hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:12]

    @property
    def environment_file(self) -> Path:
        """Shell-sourceable exports for a session that uses the cloud."""
        return self.path / "environment"

    @property
    def key_file(self) -> Path:
        """The SSH client key, OpenSSH PEM."""
        return self.path / "id_ed25519"

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.path / "server.log"

    @property
    def _server_file(self) -> Path:
        return self.path / "server.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who starts or ends this cloud.

        :raises CloudError: the folder can't be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise CloudError(f"{self.path}: the state folder can't be written: {error}") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read_server(self) -> ServerState | None:
        """Return what the last server has said, or None where it has not, or left nonsense."""
        try:
            return ServerState(**json.loads(self._server_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_server(self, state: ServerState) -> None:
        """Say that the server is up."""
        self.write_private(self._server_file, json.dumps(asdict(state)))

    def forget_server(self) -> None:
        """Drop all that belongs to one run of the cloud; the log stays."""
        for path in (self._server_file, self.environment_file, self.key_file):
            path.unlink(missing_ok=True)

    @staticmethod
    def write_private(path: Path, text: str) -> None:
        """Write a whole file at once, readable by its owner only."""
        aside = path.with_name(f".{path.name}.new")
        aside.touch(mode=0o600)
        aside.write_text(text)
        aside.replace(path)

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write the environment file."""
        lines = [f"export {name}={_quoted(value)}\n" for name, value in variables.items()]
        self.write_private(self.environment_file, "".join(lines))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
