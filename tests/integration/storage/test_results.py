"""Results are published once, whole, and by one attempt."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_hads.exceptions import StorageError
from airflow_provider_hads.model.runner import ResultFile
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.layout import RunLayout
from airflow_provider_hads.storage.results import Manifest, Results


@pytest.fixture
def results(bucket: Bucket, layout: RunLayout) -> Results:
    return Results(bucket, layout)


def finish(bucket: Bucket, layout: RunLayout, attempt_id: str, **contents: bytes) -> tuple[ResultFile, ...]:
    """Leave an attempt's results as its VM does."""
    for path, content in contents.items():
        bucket.put(layout.attempt_data("0", attempt_id, path), content)
    return tuple(
        ResultFile(path, hashlib.sha256(content).hexdigest(), len(content))
        for path, content in contents.items()
    )


class KilledBeforeManifest(Bucket):
    """A controller that is killed when all is copied and nothing is published."""

    def put_if_absent(self, key: str, content: bytes) -> bool:
        if key.endswith("manifest.json"):
            raise KeyboardInterrupt
        return super().put_if_absent(key, content)


def test_a_finished_attempt_is_published(bucket: Bucket, layout: RunLayout, results: Results) -> None:
    files = finish(bucket, layout, "0.1", out=b"result", empty=b"")
    assert results.publish("0", "0.1", files)
    assert bucket.get("12_0/0/data/out") == b"result"
    assert bucket.get("12_0/0/data/empty") == b""
    assert results.manifest("0") == Manifest("0", "0.1", files)


def test_a_task_without_files_is_published_too(results: Results) -> None:
    assert results.publish("0", "0.1", ())
    assert results.published(["0", "1"]) == {"0": Manifest("0", "0.1", ())}


def test_publishing_again_is_still_true(bucket: Bucket, layout: RunLayout, results: Results) -> None:
    files = finish(bucket, layout, "0.1", out=b"result")
    assert [results.publish("0", "0.1", files) for _ in range(2)] == [True, True]


def test_a_second_attempt_neither_publishes_nor_overwrites(
    bucket: Bucket, layout: RunLayout, results: Results
) -> None:
    results.publish("0", "0.1", finish(bucket, layout, "0.1", out=b"first"))
    assert not results.publish("0", "0.2", finish(bucket, layout, "0.2", out=b"second", more=b"x"))
    assert list(bucket.keys("12_0/0/data/")) == ["12_0/0/data/out"]
    assert bucket.get("12_0/0/data/out") == b"first"


def test_what_a_killed_controller_left_is_completed_by_its_successor(
    bucket: Bucket, layout: RunLayout, results: Results, s3: Any
) -> None:
    files = finish(bucket, layout, "0.1", out=b"first")
    with pytest.raises(KeyboardInterrupt):
        Results(KilledBeforeManifest(s3, bucket.name), layout).publish("0", "0.1", files)
    assert results.manifest("0") is None
    assert results.publish("0", "0.1", files)
    assert results.manifest("0") == Manifest("0", "0.1", files)


def test_another_attempt_completes_the_chosen_one(
    bucket: Bucket, layout: RunLayout, results: Results, s3: Any
) -> None:
    files = finish(bucket, layout, "0.1", out=b"first")
    with pytest.raises(KeyboardInterrupt):
        Results(KilledBeforeManifest(s3, bucket.name), layout).publish("0", "0.1", files)
    assert not results.publish("0", "0.2", finish(bucket, layout, "0.2", out=b"second"))
    assert results.manifest("0") == Manifest("0", "0.1", files)
    assert bucket.get("12_0/0/data/out") == b"first"


def test_of_attempts_that_finish_together_one_is_published_whole(
    aws: str, bucket: Bucket, layout: RunLayout
) -> None:
    attempts = [f"0.{number}" for number in range(6)]
    files = {it: finish(bucket, layout, it, a=it.encode(), b=it.encode()) for it in attempts}

    def publish(attempt_id: str) -> bool:
        return Results(Bucket.connect(aws, bucket.name), layout).publish("0", attempt_id, files[attempt_id])

    with ThreadPoolExecutor(6) as pool:
        answers = dict(zip(attempts, pool.map(publish, attempts), strict=True))
    [winner] = [attempt_id for attempt_id, mine in answers.items() if mine]
    assert {bucket.get(f"12_0/0/data/{path}") for path in "ab"} == {winner.encode()}
    assert Results(bucket, layout).manifest("0") == Manifest("0", winner, files[winner])


def test_results_that_are_not_there_are_not_published(results: Results) -> None:
    with pytest.raises(StorageError, match="NoSuchKey"):
        results.publish("0", "0.1", (ResultFile("out", "00", 3),))
    assert results.manifest("0") is None


def test_a_containers_log_is_read(bucket: Bucket, layout: RunLayout, results: Results) -> None:
    bucket.put(layout.container_log("0", "0.1"), b"said \xff")
    assert results.container_log("0", "0.1") == "said \ufffd"
    assert "no log" in results.container_log("0", "0.2")
