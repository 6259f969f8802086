from __future__ import annotations

import pytest

from airflow_provider_hads.storage.layout import RunLayout, execution_of, image_key

LAYOUT = RunLayout("12_0")


def test_results_are_where_the_original_leaves_them() -> None:
    assert LAYOUT.data("0", "output.txt") == "12_0/0/data/output.txt"
    assert LAYOUT.data("0", "a/b c") == "12_0/0/data/a/b c"


def test_an_attempts_results_are_apart_from_the_published_ones() -> None:
    assert LAYOUT.attempt_data("0", "0.1", "out") == "12_0/0/attempts/0.1/data/out"
    assert LAYOUT.container_log("0", "0.1") == "12_0/0/attempts/0.1/container.log"


def test_what_is_the_runs_own_is_in_a_folder_that_no_task_can_have() -> None:
    own = [LAYOUT.claim, LAYOUT.report, LAYOUT.input("job.json"), LAYOUT.content("00"), LAYOUT.choice("0")]
    assert all(key.startswith("12_0/_hads/") for key in own)


@pytest.mark.parametrize(
    ("image", "key"),
    [("synthetic", "images/synthetic.tar"), ("host:5000/a/b:1.0", "images/host_5000_a_b_1.0.tar")],
)
def test_an_images_tar_is_named_for_it(image: str, key: str) -> None:
    assert image_key(image) == key


@pytest.mark.parametrize(
    ("job_id", "key", "execution_id"),
    [("12", "12_0/", 0), ("12", "12_17/", 17), ("12", "12_0_1/", None), ("12", "12_x/", None),
     ("12_0", "12_0_1/", 1), ("1.2", "1x2_0/", None), ("12", "112_0/", None)],
)  # fmt: skip
def test_an_execution_is_told_by_its_folder(job_id: str, key: str, execution_id: int | None) -> None:
    assert execution_of(job_id, key) == execution_id
