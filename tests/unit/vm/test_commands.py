from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from airflow_provider_hads.vm.commands import runner_command, write_file_command


def as_root(command: str) -> list[str]:
    """Return the command without sudo, which a test does not need."""
    words = shlex.split(command)
    assert words[:2] == ["sudo", "-n"]
    return words[2:]


def test_the_runner_is_run_by_root_in_isolated_mode() -> None:
    command = runner_command("listen")
    assert command == "sudo -n python3 -I /opt/hads/runner.py listen --root /var/lib/hads"


def test_a_root_with_odd_characters_stays_one_word() -> None:
    assert shlex.split(runner_command("start", "/a b;rm"))[-1] == "/a b;rm"


def test_a_file_is_made_of_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "runner.json"
    subprocess.run(as_root(write_file_command(str(path), b"content")), input=b"content", check=True)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_half_a_file_is_not_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "runner.py"
    path.write_bytes(b"old")
    command = as_root(write_file_command(str(path), b"the whole content", 0o755))
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(command, input=b"the whole", check=True)
    assert path.read_bytes() == b"old"


def test_no_content_is_on_the_command_line() -> None:
    assert "secret" not in write_file_command("/etc/x", b"secret")
