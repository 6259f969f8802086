"""The state folder, also a stale or broken one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.startup import running_server
from airflow_provider_hads.local_cloud.state import ServerState, StateFolder, default_state_folder

STATE = ServerState(1, 1, "http://127.0.0.1:1", "http://172.18.0.1:2", "ami-1", "secret")


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """A state folder that exists."""
    folder = StateFolder(tmp_path / "state")
    with folder.locked():
        return folder


def test_the_folder_and_its_files_are_private(folder: StateFolder) -> None:
    folder.write_server(STATE)
    folder.write_environment({"A": "it's"})

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folder.path.glob("[es]*"))
    assert folder.environment_file.read_text() == "export A='it'\\''s'\n"


def test_what_the_server_says_is_read_back(folder: StateFolder) -> None:
    folder.write_server(STATE)

    assert folder.read_server() == STATE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_server_file_counts_as_none(folder: StateFolder, text: str) -> None:
    (folder.path / "server.json").write_text(text)

    assert folder.read_server() is None


def test_a_dead_server_does_not_run(folder: StateFolder) -> None:
    folder.write_server(STATE)

    assert running_server(folder) is None


def test_the_label_of_a_cloud_follows_from_its_path(tmp_path: Path) -> None:
    assert StateFolder(tmp_path / "a").cloud_id == StateFolder(tmp_path / "b" / ".." / "a").cloud_id
    assert StateFolder(tmp_path / "a").cloud_id != StateFolder(tmp_path / "b").cloud_id


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CloudError, match="file/state: the state folder can't be written"):
        StateFolder(tmp_path / "file" / "state").locked().__enter__()


def test_the_default_folder_follows_the_desktop_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")

    assert default_state_folder() == Path("/somewhere/airflow_provider_hads/local-cloud")
