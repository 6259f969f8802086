"""A PostgreSQL server of the tests' own, on a free port of the loopback interface."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.system.processes import free_port

OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=200 -c unix_socket_directories="


def find_program(name: str) -> Path:
    """Return a server program, which Debian keeps off the PATH; the newest version of several.

    :raises FileNotFoundError: PostgreSQL is not installed.
    """
    installed = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]))
    found = newest[-1] if newest else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"no {name} here: run docker/test-servers.sh, which installs PostgreSQL")
    return Path(found)


def server_user() -> pwd.struct_passwd:
    """Return who runs the server: it refuses to run as root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


class PostgresServer:
    """A new, empty server; :meth:`stop` removes it with its data."""

    def __init__(self) -> None:
        self._user = server_user()
        self._folder = Path(tempfile.mkdtemp(prefix="hads-postgresql-"))
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._password = secrets.token_urlsafe(16)
        self.port = free_port()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the server's database."""
        return f"postgresql+psycopg2://airflow:{self._password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Create the data folder and start the server; it answers when this returns."""
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        os.chown(password_file, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--username=airflow", f"--pwfile={password_file}", "--auth=scram-sha-256",
                  "--locale=C", "--encoding=UTF8", "--no-sync")  # fmt: skip
        options = f"{OPTIONS} -c listen_addresses=127.0.0.1 -c port={self.port}"
        self._run("pg_ctl", "--wait", f"--log={self._folder / 'log'}", f"--options={options}", "start")

    def stop(self) -> None:
        """End the server and remove its data."""
        try:
            if (self._folder / "data" / "postmaster.pid").exists():
                self._run("pg_ctl", "--wait", "--mode=immediate", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        output = self._folder / f"{program}.out"
        as_root = os.geteuid() == 0
        with output.open("wb") as target:
            # The output goes to a file: the server inherits it, so a pipe would never end.
            code = subprocess.run(
                [find_program(program), f"--pgdata={self._folder / 'data'}", *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                timeout=60,
                user=self._user.pw_uid if as_root else None,
                group=self._user.pw_gid if as_root else None,
                extra_groups=[] if as_root else None,
                check=False,
            ).returncode
        if code != 0:
            raise RuntimeError(f"{program} failed with exit code {code}:\n{output.read_text()[-2000:]}")
