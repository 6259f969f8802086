"""Bringing a local cloud up and down, whatever has happened before."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.exceptions import CloudError, InputError
from airflow_provider_hads.local_cloud import LocalCloud, UpOptions, startup
from airflow_provider_hads.local_cloud.containers import CLOUD_LABEL
from airflow_provider_hads.local_cloud.engine import DockerEngine
from airflow_provider_hads.local_cloud.processes import has_ended, start_detached
from airflow_provider_hads.local_cloud.state import StateFolder
from tests.support.local_vms import busybox_image, describe, eventually, launch, wait_for_state

pytestmark = pytest.mark.docker


def leftovers(state_dir: Path) -> list[str]:
    """The kinds of things in Docker that carry the cloud's label."""
    engine, label = DockerEngine.local(), [f"{CLOUD_LABEL}={StateFolder(state_dir).cloud_id}"]
    return [kind for kind in ("containers", "volumes", "networks") if engine.labelled(kind, label)]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    line = [sys.executable, "-m", "airflow_provider_hads.local_cloud", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def test_after_a_killed_server_everything_starts_anew(tmp_path: Path) -> None:
    first = LocalCloud.start(tmp_path / "state")
    wait_for_state(first, launch(first), "running")
    os.kill(first.server_pid, signal.SIGKILL)

    def refused() -> bool:
        try:
            first.vms()
        except CloudError:
            return True
        return False

    eventually(refused)
    assert len(first.containers()) == 1

    with LocalCloud.start(tmp_path / "state") as second:
        assert second.containers() == []
        assert second.vms() == []
        wait_for_state(second, launch(second), "running")
    assert leftovers(tmp_path / "state") == []


def test_a_failed_up_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="no image 'not/there'"):
        LocalCloud.start(tmp_path / "state", UpOptions(images=["not/there"]))
    with pytest.raises(CloudError, match="no VM image 'not/there'.*HADS_VM_IMAGE"):
        LocalCloud.start(tmp_path / "state", UpOptions(vm_image="not/there"))
    with pytest.raises(InputError, match="none.json: is not an env.json"):
        LocalCloud.start(tmp_path / "state", UpOptions(prices=tmp_path / "none.json"))

    assert leftovers(tmp_path / "state") == []


def test_an_interrupted_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start_and_note(*arguments: Any) -> int:
        started.append(start_detached(*arguments))
        return started[0]

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(startup, "start_detached", start_and_note)
    monkeypatch.setattr(startup, "has_ended", interrupt)
    with pytest.raises(KeyboardInterrupt):
        LocalCloud.start(tmp_path / "state")

    assert [pid for pid in started if not has_ended(pid)] == []
    assert leftovers(tmp_path / "state") == []


def test_without_a_docker_engine_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    result = command("up", "--state-dir", str(tmp_path / "state"))

    assert result.returncode == 1
    assert "No Docker engine answers" in result.stderr
    assert "docker/engine.sh" in result.stderr


def test_up_when_it_is_up_already_changes_nothing(cloud: LocalCloud) -> None:
    vm = launch(cloud)
    second = LocalCloud.start(cloud.state_dir)

    assert second.endpoint_url == cloud.endpoint_url
    assert vm in [status.instance_id for status in second.vms()]
    assert second.environment() == cloud.environment()


def test_two_clouds_do_not_see_each_other(cloud: LocalCloud, tmp_path: Path) -> None:
    vm = launch(cloud)
    wait_for_state(cloud, vm, "running")

    with LocalCloud.start(tmp_path / "state") as other:
        assert other.containers() == []
        assert other.image_id != cloud.image_id

    assert vm in cloud.containers()


def test_the_environment_file_is_private_and_can_be_sourced(cloud: LocalCloud) -> None:
    path = cloud.state_dir / "environment"
    script = f". '{path}' && echo \"$AIRFLOW_CONN_HADS_LOCAL_AWS\""
    sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=10, check=True)
    extra = json.loads(sourced.stdout)["extra"]

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert extra["endpoint_url"] == cloud.endpoint_url
    assert extra["vm_endpoint_url"] == cloud.vm_endpoint_url
    assert "OPENSSH PRIVATE KEY" in cloud.environment()["AIRFLOW_CONN_HADS_LOCAL_SSH"]
    assert cloud.environment()["AIRFLOW__HADS__IMAGE_ID"] == cloud.image_id


@pytest.fixture
def small_image() -> Iterator[str]:
    """A Docker image of one small file."""
    name = f"hads-test/small:{os.getpid()}"
    subprocess.run(["docker", "import", "-", name], input=busybox_image(), timeout=60, check=True)
    yield name
    subprocess.run(["docker", "rmi", name], timeout=60, check=True)


def test_the_command_line_tells_the_whole_story(tmp_path: Path, small_image: str) -> None:
    prices = tmp_path / "env.json"
    prices.write_text(json.dumps({"instances": {"c3.large": {"prices": {"on-demand": 9.0, "spot": 0.0}}}}))
    state = ["--state-dir", str(tmp_path / "state")]
    assert command("status", *state).stdout == "No local cloud is running.\n"
    try:
        up = command("up", *state, "--image", small_image, "--prices", str(prices), "--boot-seconds", "8")
        assert "is up: http://127.0.0.1:" in up.stdout
        assert "only --image" in command("up", *state, "--port", "8080").stdout
        cloud = LocalCloud.attach(tmp_path / "state")
        launched = time.time()
        vm = launch(cloud, InstanceType="c3.large")
        assert describe(cloud, vm)["State"]["Name"] == "pending"
        wait_for_state(cloud, vm, "running")
        assert time.time() - launched >= 8
        assert vm in command("status", *state).stdout
        document = json.loads(command("status", "--json", *state).stdout)
        assert [item["instance_id"] for item in document["vms"]] == [vm]
        assert leftovers(cloud.state_dir) == ["containers", "volumes", "networks"]
        assert [item.price for item in cloud.bill()] == [9.0]
        key = f"images/hads-test_small_{os.getpid()}.tar"
        assert cloud.client("s3").head_object(Bucket=cloud.bucket, Key=key)["ContentLength"] > 0
    finally:
        down = command("down", *state)
    assert down.stdout == "The local cloud is down; 1 VM removed.\n"
    assert leftovers(tmp_path / "state") == []
    assert not (tmp_path / "state" / "environment").exists()
    assert json.loads(command("status", "--json", *state).stdout)["up"] is False
