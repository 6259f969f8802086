"""The runner runs tasks in real containers and brings their results to a bucket."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.vm.conftest import Vm

pytestmark = pytest.mark.docker

ATTEMPT = "12_0/0/attempts"


def content(s3: Any, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket="hads-test", Key=key)["Body"].read()
    return body


def stage(s3: Any, path: str, data: bytes, mode: int = 0o644) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    s3.put_object(Bucket="hads-test", Key=f"12_0/_hads/files/{digest}", Body=data)
    return {"path": path, "sha256": digest, "size": len(data), "mode": mode}


def test_a_task_finds_its_files_and_leaves_its_results(vm: Vm, s3: Any) -> None:
    files = [
        stage(s3, "exec.sh", b"echo working on $1; mkdir out; echo $1 > out/result\n"),
        stage(s3, "in.txt", b"in"),
    ]
    vm.run()
    vm.exchange(enqueue=[vm.order("sh exec.sh 400", "0-1", files=files)])
    [attempt] = vm.ended("0-1")
    assert (attempt["state"], attempt["exit_code"], attempt["error"]) == ("finished", 0, "")
    assert [(file["path"], file["size"]) for file in attempt["files"]] == [("out/result", 4)]
    assert attempt["files"][0]["sha256"] == hashlib.sha256(b"400\n").hexdigest()
    assert content(s3, f"{ATTEMPT}/0-1/data/out/result") == b"400\n"
    assert content(s3, f"{ATTEMPT}/0-1/container.log") == b"working on 400\n"
