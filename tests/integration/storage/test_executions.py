"""Runs of a job get execution ids of their own, once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.executions import claim_execution

DETAILS = {"dag_id": "job_12", "run_id": "manual__1"}


def test_runs_are_counted_from_zero(bucket: Bucket) -> None:
    assert [claim_execution(bucket, "12", f"run-{number}", DETAILS) for number in range(3)] == [0, 1, 2]


def test_the_claim_says_whose_it_is(bucket: Bucket) -> None:
    claim_execution(bucket, "12", "run-a", DETAILS)
    assert json.loads(bucket.get("12_0/_hads/run.json")) == {"uid": "run-a", **DETAILS}


def test_a_second_try_finds_its_own_claim_however_many_came_since(bucket: Bucket) -> None:
    claim_execution(bucket, "12", "first", DETAILS)
    for number in range(25):
        claim_execution(bucket, "12", f"later-{number}", DETAILS)
    assert claim_execution(bucket, "12", "first", DETAILS) == 0


def test_a_try_that_was_killed_after_its_claim_is_gone_on_with(bucket: Bucket) -> None:
    bucket.put("12_0/_hads/run.json", json.dumps({"uid": "first"}).encode())
    claim_execution(bucket, "12", "second", DETAILS)
    assert claim_execution(bucket, "12", "first", DETAILS) == 0


def test_jobs_with_similar_ids_do_not_count_each_others_runs(bucket: Bucket) -> None:
    assert claim_execution(bucket, "12", "a", DETAILS) == 0
    assert claim_execution(bucket, "12_0", "b", DETAILS) == 0
    assert claim_execution(bucket, "1", "c", DETAILS) == 0


def test_a_folder_of_the_original_program_is_not_taken(bucket: Bucket) -> None:
    bucket.put("12_4/0/data/output.txt", b"")
    assert claim_execution(bucket, "12", "a", DETAILS) == 5


def test_runs_that_begin_together_get_different_ids(aws: str, s3: Any) -> None:
    def claim(uid: str) -> int:
        return claim_execution(Bucket.connect(aws, "hads-test"), "12", uid, DETAILS)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(claim, [f"run-{number}" for number in range(8)]))
    assert sorted(ids) == list(range(8))


def test_tries_of_one_run_that_overlap_get_the_same_id(aws: str, s3: Any) -> None:
    def claim(_: int) -> int:
        return claim_execution(Bucket.connect(aws, "hads-test"), "12", "the-run", DETAILS)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(claim, range(8)))) == 1
