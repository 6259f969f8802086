"""``docker/engine.sh`` on a machine where nobody is root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "docker" / "engine.sh"
PROGRAMS = (
    *("bash", "cat", "chmod", "cut", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sha256sum"),
    *("tail", "timeout", "tr", "true"),
)

SOCKET = "/var/run/docker.sock"
UNLESS_DENIED = pytest.mark.skipif(
    os.path.exists(SOCKET) and not os.access(SOCKET, os.W_OK),
    reason="an engine is here that this user may not use: the script asks for that then",
)

APT_GET = """#!/bin/sh
# Installs commands that do nothing: those that the packages bring.
give() { printf '#!/bin/sh\\n' >"$BIN/$1" && chmod +x "$BIN/$1"; }
for package in "$@"; do
  case $package in
    docker.io) for name in dockerd containerd $IN_DOCKER_IO; do give "$name"; done ;;
    docker-cli) give docker ;;
  esac
done
echo "$*" >>"$BIN/../installed"
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of all programs of a machine with neither sudo nor Docker."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).symlink_to(shutil.which(name) or f"/no/{name}")
    return folder


@pytest.fixture
def without_root(programs: Path) -> dict[str, str]:
    """The environment of a user who is not root."""
    write_program(programs / "id", "#!/bin/sh\necho 1234\n")
    return {"PATH": str(programs), "HOME": str(programs.parent)}


def write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def engine(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *command.split()],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_an_engine_of_ours_nothing_is_to_be_ended(without_root: dict[str, str]) -> None:
    done = engine("stop", without_root)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_home_folder_is_looked_up_where_no_variable_names_it() -> None:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "DOCKER_HOST")}

    done = engine("status", environment)

    assert (done.returncode, done.stderr) == (0, "")


@UNLESS_DENIED
def test_it_says_what_is_missing_and_what_to_do(without_root: dict[str, str]) -> None:
    done = engine("run true", without_root)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "There is no Docker engine here, and no root or sudo to install one.",
        "Ask for Docker (package docker.io) and for membership of its group, or set DOCKER_HOST to an engine "
        "you may use.",
    ]


@UNLESS_DENIED
@pytest.mark.parametrize("in_docker_io", ["docker", ""], ids=["Debian 12", "Debian 13"])
def test_root_is_given_an_engine_and_its_command_whatever_package_that_is_in(
    programs: Path, in_docker_io: str
) -> None:
    write_program(programs / "id", "#!/bin/sh\necho 0\n")
    write_program(programs / "dpkg-query", "#!/bin/sh\nexit 1\n")
    write_program(programs / "apt-get", APT_GET)
    home = programs.parent
    environment = {
        "PATH": str(programs),
        "HOME": str(home),
        "BIN": str(programs),
        "IN_DOCKER_IO": in_docker_io,
    }

    done = engine("run true", environment)

    assert done.returncode == 0, done.stderr
    asked = [
        line.split("--no-install-recommends ")[1] for line in (home / "installed").read_text().splitlines()
    ]
    assert asked == ["docker.io iptables", *([] if in_docker_io else ["docker-cli"])]
