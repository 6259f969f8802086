"""The building blocks' inner side on real VMs of the local cloud, without Airflow around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud import LocalCloud, UpOptions
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, VmStatus
from airflow_provider_hads.model.settings import Ec2Settings
from airflow_provider_hads.runtime.blocks.identity import AirflowRun, claim_run
from airflow_provider_hads.runtime.blocks.migration import migrate
from airflow_provider_hads.runtime.blocks.placing import DockerTask, place
from airflow_provider_hads.runtime.blocks.provisioning import VmWish, launch, make_ready
from airflow_provider_hads.runtime.blocks.sensing import InterruptionSense
from airflow_provider_hads.runtime.blocks.sighting import VmReader
from airflow_provider_hads.runtime.blocks.toolbox import Toolbox
from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle
from airflow_provider_hads.storage.bucket import Bucket
from tests.support.local_vms import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]

AWS, SSH = "hads_local_aws", "hads_local_ssh"
DAG_RUN = AirflowRun("sweep", "manual__1", datetime(2025, 1, 1, tzinfo=timezone.utc))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    options = UpOptions(images=("synthetic",))
    with LocalCloud.start(tmp_path_factory.mktemp("local-cloud") / "state", options) as started:
        yield started


@pytest.fixture(scope="module")
def toolbox(cloud: LocalCloud) -> Iterator[Toolbox]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        run = claim_run(Bucket.connect(AWS, cloud.bucket), DAG_RUN)
        box = Toolbox(run, AWS, SSH, Ec2Settings())
        yield box
        box.close()


def in_seconds(seconds: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)


def provisioned(toolbox: Toolbox, name: str, market: Market) -> VmHandle:
    vm = launch(toolbox, VmWish(name, "c5.large", market, slots=1, expires_at=in_seconds(600)))
    make_ready(toolbox, vm, in_seconds(60), in_seconds(600))
    return vm


@pytest.fixture(scope="module")
def spot(toolbox: Toolbox) -> VmHandle:
    return provisioned(toolbox, "spot", Market.SPOT)


@pytest.fixture(scope="module")
def safe(toolbox: Toolbox) -> VmHandle:
    return provisioned(toolbox, "safe", Market.ON_DEMAND)


def a_task(task_id: str, command: str, **files: Path) -> DockerTask:
    return DockerTask(task_id, command, "synthetic", "/work", 64.0, files, position=int(time.time()))


def status(toolbox: Toolbox, vm: VmHandle) -> VmStatus:
    seen = VmReader(toolbox, vm).look()
    assert seen.status is not None, seen.problem
    return seen.status


def ended(toolbox: Toolbox, vm: VmHandle, attempt_id: str) -> AttemptStatus:
    def look() -> AttemptStatus | None:
        attempt = status(toolbox, vm).attempts.get(attempt_id)
        return attempt if attempt is not None and attempt.state.ended else None

    return eventually(look, patience=60)


def test_the_same_name_is_the_same_vm(toolbox: Toolbox, spot: VmHandle) -> None:
    again = launch(toolbox, VmWish("spot", "c5.large", Market.SPOT, slots=1, expires_at=in_seconds(600)))

    assert again == spot
    assert spot.hibernation
    assert VmHandle.from_xcom(spot.to_xcom()) == spot


def test_a_type_that_there_is_not_is_refused(toolbox: Toolbox) -> None:
    with pytest.raises(InputError, match="'c99.huge' is no type that this region has"):
        launch(toolbox, VmWish("big", "c99.huge", Market.SPOT, None, in_seconds(60)))


def test_a_task_has_its_files_and_its_results_are_published(
    toolbox: Toolbox, safe: VmHandle, tmp_path: Path
) -> None:
    script = tmp_path / "hello.sh"
    script.write_text("echo hello; echo made > made.txt\n")

    ticket = place(toolbox, a_task("hello", "sh hello.sh", **{"hello.sh": script}), safe)
    attempt = ended(toolbox, safe, ticket.order.attempt_id)

    assert (attempt.state, attempt.exit_code) == (AttemptState.FINISHED, 0)
    assert [file.path for file in attempt.files] == ["made.txt"]
    assert toolbox.results.publish("hello", attempt.attempt_id, attempt.files)
    assert toolbox.results.container_log("hello", attempt.attempt_id) == "hello\n"


def test_a_failed_attempt_is_followed_by_another_one_and_a_finished_one_is_not(
    toolbox: Toolbox, safe: VmHandle
) -> None:
    failing = a_task("failing", "exit 3")
    first = place(toolbox, failing, safe)
    assert ended(toolbox, safe, first.order.attempt_id).exit_code == 3

    second = place(toolbox, a_task("failing", "true"), safe)
    assert ended(toolbox, safe, second.order.attempt_id).exit_code == 0

    assert [first.order.attempt_id, second.order.attempt_id] == ["failing.1", "failing.2"]
    assert place(toolbox, failing, safe).order.attempt_id == "failing.2"


def test_what_waits_or_runs_moves_and_what_has_ended_stays(
    toolbox: Toolbox, spot: VmHandle, safe: VmHandle
) -> None:
    place(toolbox, a_task("done", "true"), spot)
    done = ended(toolbox, spot, "done.1")  # its results are published further down
    for name in ("running", "waiting"):  # the VM has one slot
        place(toolbox, a_task(name, "sleep 2; echo $HOSTNAME > host.txt"), spot)
    eventually(lambda: status(toolbox, spot).attempts["running.1"].state is AttemptState.RUNNING)

    moved = migrate(toolbox, spot, safe)

    assert [(one.task_id, one.old, one.new) for one in moved] == [
        ("running", "running.1", "running.2"),
        ("waiting", "waiting.1", "waiting.2"),
    ]
    assert ended(toolbox, spot, "running.1").state is AttemptState.CANCELLED
    assert "waiting.1" not in status(toolbox, spot).attempts
    for attempt_id in ("running.2", "waiting.2"):
        assert ended(toolbox, safe, attempt_id).state is AttemptState.FINISHED
    assert migrate(toolbox, spot, safe) == ()
    assert place(toolbox, a_task("late", "true"), spot).vm == safe
    ended(toolbox, safe, "late.1")
    assert toolbox.results.publish("done", done.attempt_id, done.files)


def test_a_hibernated_vms_tasks_move_and_only_one_attempt_is_published(
    cloud: LocalCloud, toolbox: Toolbox, spot: VmHandle, safe: VmHandle
) -> None:
    assert migrate(toolbox, safe, spot) == ()  # there and back
    assert place(toolbox, a_task("frozen", "sleep 3"), spot).vm == spot
    queue_url = cloud.make_events_queue()
    senses = [InterruptionSense([safe, spot], ["hibernated"], AWS, url) for url in (None, queue_url)]
    assert [sense.look() for sense in senses] == [None, None]

    cloud.interrupt(spot.instance_id)

    described = eventually(senses[0].look)
    assert (described.kind, described.vm_id, described.source) == ("hibernated", "spot", "describe")
    told = eventually(lambda: senses[1].look(describe=False))
    assert (told.kind, told.vm_id, told.source) == ("hibernated", "spot", "sqs")
    assert [one.new for one in migrate(toolbox, spot, safe)] == ["frozen.2"]
    second = ended(toolbox, safe, "frozen.2")
    assert toolbox.results.publish("frozen", second.attempt_id, second.files)

    cloud.resume(spot.instance_id)
    first = ended(toolbox, spot, "frozen.1")
    assert first.state is AttemptState.FINISHED
    assert not toolbox.results.publish("frozen", first.attempt_id, first.files)
