"""The runner runs tasks in real containers and brings their results to a bucket."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.vm.conftest import Vm

pytestmark = pytest.mark.docker

ATTEMPTS = "12_0/0/attempts"


def content(s3: Any, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket="hads-test", Key=key)["Body"].read()
    return body


def stage(s3: Any, path: str, data: bytes, mode: int = 0o644) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    s3.put_object(Bucket="hads-test", Key=f"12_0/_hads/files/{digest}", Body=data)
    return {"path": path, "sha256": digest, "size": len(data), "mode": mode}


def containers() -> str:
    command = ["docker", "ps", "--all", "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_task_finds_its_files_and_leaves_its_results(vm: Vm, s3: Any) -> None:
    script = stage(s3, "exec.sh", b"echo working on $1; mkdir out; echo $1 > out/result\n")
    vm.run()
    vm.exchange(enqueue=[vm.order("sh exec.sh 400", "0-1", files=[script, stage(s3, "in.txt", b"in")])])
    [attempt] = vm.ended("0-1")
    assert (attempt["state"], attempt["exit_code"], attempt["error"]) == ("finished", 0, "")
    assert [(file["path"], file["size"]) for file in attempt["files"]] == [("out/result", 4)]
    assert attempt["files"][0]["sha256"] == hashlib.sha256(b"400\n").hexdigest()
    assert content(s3, f"{ATTEMPTS}/0-1/data/out/result") == b"400\n"
    assert content(s3, f"{ATTEMPTS}/0-1/container.log") == b"working on 400\n"


def test_nothing_is_left_of_a_finished_attempt(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("echo done > out", "0-left")])
    vm.ended("0-left")
    vm.wait(lambda _: "hads-0-left" not in containers())
    vm.wait(lambda _: not (vm.root / "attempts" / "0-left" / "work").exists())


def test_a_failure_keeps_its_results_and_stops_nothing(vm: Vm, s3: Any) -> None:
    vm.run()
    failing = vm.order("echo partial > out; echo no more disk >&2; exit 3", "0-bad", position=0)
    vm.exchange(enqueue=[failing, vm.order("true", "0-good", position=1)])
    bad, good = vm.ended("0-bad", "0-good")
    assert (bad["state"], bad["exit_code"], bad["error"]) == ("failed", 3, "exit code 3: no more disk")
    assert good["state"] == "finished"
    assert content(s3, f"{ATTEMPTS}/0-bad/data/out") == b"partial\n"
    assert content(s3, f"{ATTEMPTS}/0-bad/container.log") == b"no more disk\n"


def test_a_command_that_does_not_exist_is_named(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("no-such-program 5", "0-1")])
    [attempt] = vm.ended("0-1")
    assert attempt["exit_code"] == 127
    assert attempt["error"].startswith("command not found, exit code 127")
    assert "no-such-program" in attempt["error"]


def test_more_memory_than_allowed_is_said_to_be_the_reason(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("tail /dev/zero", "0-1", memory=16)])
    [attempt] = vm.ended("0-1")
    assert attempt["state"] == "failed"
    assert "out of memory: it was killed at the task's limit of 16 MB" in attempt["error"]


def test_an_image_that_is_nowhere_fails_its_task_alone(vm: Vm) -> None:
    nowhere = vm.order("true", "0-1", image="localhost:1/nothing")
    vm.run()
    vm.exchange(enqueue=[nowhere, vm.order("true", "0-2", position=1)])
    missing, other = vm.ended("0-1", "0-2")
    assert missing["state"] == "failed"
    assert "image localhost:1/nothing is not on the VM, not in the bucket" in missing["error"]
    assert "images/localhost_1_nothing.tar" in missing["error"]
    assert other["state"] == "finished"


def test_an_image_comes_from_the_bucket(vm: Vm, s3: Any, tmp_path: Path) -> None:
    image = "hads-test-from-bucket:1"
    tar = tmp_path / "image.tar"
    subprocess.run(["docker", "tag", "synthetic", image], check=True, timeout=30)
    subprocess.run(["docker", "save", "--output", str(tar), image], check=True, timeout=60)
    subprocess.run(["docker", "rmi", image], check=True, capture_output=True, timeout=30)
    s3.upload_file(str(tar), "hads-test", "images/hads-test-from-bucket_1.tar")
    vm.run()
    vm.exchange(enqueue=[vm.order("true", f"0-{slot}", image=image, position=slot) for slot in range(2)])
    try:
        assert [attempt["error"] for attempt in vm.ended("0-0", "0-1")] == ["", ""]
    finally:
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, timeout=30, check=False)


def test_a_file_that_was_changed_in_the_bucket_is_refused(vm: Vm, s3: Any) -> None:
    file = stage(s3, "in.txt", b"as uploaded")
    s3.put_object(Bucket="hads-test", Key=f"12_0/_hads/files/{file['sha256']}", Body=b"other")
    missing = {**file, "sha256": "0" * 64, "path": "gone.txt"}
    vm.run()
    changed = vm.order("true", "0-1", files=[file])
    vm.exchange(enqueue=[changed, vm.order("true", "0-2", files=[missing], position=1)])
    first, second = vm.ended("0-1", "0-2")
    assert "file in.txt" in first["error"]
    assert "was changed since the upload" in first["error"]
    assert "file gone.txt" in second["error"]
    assert "HTTP 404" in second["error"]


def test_files_keep_their_modes_and_unchanged_ones_are_not_uploaded(vm: Vm, s3: Any) -> None:
    files = [
        stage(s3, "bin/tool", b"#!/bin/sh\necho x > tool.out\n", 0o755),
        stage(s3, "data", b"old"),
    ]
    vm.run()
    vm.exchange(enqueue=[vm.order("bin/tool && echo new > data", "0-1", files=files)])
    [attempt] = vm.ended("0-1")
    assert sorted(file["path"] for file in attempt["files"]) == ["data", "tool.out"]


def test_odd_results_are_uploaded_or_noted(vm: Vm, s3: Any) -> None:
    vm.run()
    command = "echo x > 'a b+ä%.txt'; ln -s /etc/passwd link; mkfifo pipe; printf 'no newline at end'"
    vm.exchange(enqueue=[vm.order(command, "0-1")])
    [attempt] = vm.ended("0-1")
    assert [file["path"] for file in attempt["files"]] == ["a b+ä%.txt"]
    assert content(s3, f"{ATTEMPTS}/0-1/data/a b+ä%.txt") == b"x\n"
    log = content(s3, f"{ATTEMPTS}/0-1/container.log").decode().splitlines()
    assert log == [
        "no newline at end",
        "[hads] link: not uploaded: a symbolic link",
        "[hads] pipe: not uploaded: not a regular file",
    ]


def test_a_long_output_is_cut_and_says_so(vm: Vm, s3: Any) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("yes 'a line of output, rather long' | head -n 250000; echo end", "0-1")])
    vm.ended("0-1")
    log = content(s3, f"{ATTEMPTS}/0-1/container.log")
    assert log.startswith(b"[hads] the beginning of the output may be cut off")
    assert log.endswith(b"\nend\n")
    assert len(log) < 5 * 2**20


def test_as_many_run_at_once_as_there_are_slots(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("sleep 2", f"0-{number}", position=number) for number in range(3)])

    def states(status: Any) -> list[str]:
        return [status["attempts"][f"0-{number}"]["state"] for number in range(3)]

    vm.wait(lambda status: states(status) == ["running", "running", "queued"])
    first, second, third = vm.ended("0-0", "0-1", "0-2")
    assert {first["slot"], second["slot"]} == {0, 1}
    assert third["started"] >= min(first["started"] + first["ran"], second["started"] + second["ran"])
    assert first["ran"] == pytest.approx(2, abs=0.9)


def test_a_task_waits_until_the_memory_that_it_needs_is_free(vm: Vm) -> None:
    vm.run()
    orders = [vm.order("sleep 2", f"0-{number}", position=number) for number in range(2)]
    vm.exchange(enqueue=[{**order, "reserved": 600} for order in orders])
    first, second = vm.ended("0-0", "0-1")
    assert second["started"] >= first["started"] + first["ran"]


def test_a_slot_is_free_while_results_are_uploaded(vm: Vm) -> None:
    vm.config.update(slots=1, endpoint="http://127.0.0.1:9")  # nothing listens there
    vm.run()
    vm.exchange(enqueue=[vm.order("true", f"0-{number}", position=number) for number in range(2)])
    status = vm.wait(lambda status: status["attempts"]["0-1"]["state"] == "uploading")
    assert status["attempts"]["0-0"]["state"] == "uploading"


def test_a_running_task_is_cancelled_and_its_slot_is_freed(vm: Vm) -> None:
    vm.config.update(slots=1)
    vm.run()
    vm.exchange(enqueue=[vm.order("sleep 600", "0-1"), vm.order("true", "0-2", position=1)])
    vm.wait(lambda status: status["attempts"]["0-1"]["state"] == "running")
    vm.exchange(cancel=["0-1"])
    cancelled, following = vm.ended("0-1", "0-2", seconds=20)
    assert cancelled["state"] == "cancelled"
    assert following["state"] == "finished"


def test_a_waiting_task_that_is_cancelled_never_runs(vm: Vm, s3: Any) -> None:
    vm.exchange(enqueue=[vm.order("true", "0-1")], cancel=["0-1"])
    vm.run()
    [attempt] = vm.ended("0-1")
    time.sleep(1)
    assert attempt["state"] == "cancelled"
    assert not (vm.root / "attempts" / "0-1" / "container.log").exists()


def test_baseline_mode_limits_the_cpu(vm: Vm) -> None:
    vm.run()
    vm.exchange(enqueue=[vm.order("sleep 60", "0-1", cpu_share=0.1, memory=32)])
    vm.wait(lambda status: status["attempts"]["0-1"]["state"] == "running")
    command = ["docker", "inspect", "hads-0-1", "--format", "{{json .HostConfig}}"]
    host = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (10**8, 32 * 2**20, 32 * 2**20)
    vm.exchange(cancel=["0-1"])
    vm.ended("0-1")


def test_big_results_go_up_in_parts(vm: Vm, s3: Any) -> None:
    vm.config.update(part_size=6 * 2**20)
    vm.run()
    vm.exchange(enqueue=[vm.order("head -c 16000000 /dev/urandom > big; sha256sum big", "0-1")])
    [attempt] = vm.ended("0-1")
    big = content(s3, f"{ATTEMPTS}/0-1/data/big")
    assert hashlib.sha256(big).hexdigest() == attempt["files"][0]["sha256"]
    assert content(s3, f"{ATTEMPTS}/0-1/container.log").split()[0].decode() == attempt["files"][0]["sha256"]
    parts = s3.head_object(Bucket="hads-test", Key=f"{ATTEMPTS}/0-1/data/big", PartNumber=1)["PartsCount"]
    assert parts == 3
