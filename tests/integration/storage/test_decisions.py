"""Decisions of a run are kept in parts, those of each generation for themselves."""

from __future__ import annotations

from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.decisions import KeptDecisions
from airflow_provider_hads.storage.layout import RunLayout


def test_parts_are_read_by_the_number_of_their_first_decision(bucket: Bucket, layout: RunLayout) -> None:
    kept = KeptDecisions(bucket, layout, generation=0)
    for _ in range(2):  # again, by a successor that does not know whether it was done
        kept.write(100, [{"at": 2.0}])
    kept.write(0, [{"at": 1.0}])

    assert kept.read() == {0: [{"at": 1.0}], 100: [{"at": 2.0}]}
    assert "12_0/_hads/decisions/0/000100.json" in list(bucket.keys("12_0/"))


def test_another_generation_of_the_run_has_its_own(bucket: Bucket, layout: RunLayout) -> None:
    KeptDecisions(bucket, layout, generation=1).write(0, [{"at": 1.0}])

    assert KeptDecisions(bucket, layout, generation=0).read() == {}
    assert KeptDecisions(bucket, layout, generation=10).read() == {}
