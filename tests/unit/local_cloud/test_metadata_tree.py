"""Paths of the metadata service: texts and listings."""

from __future__ import annotations

import pytest

from airflow_provider_hads.local_cloud.metadata_tree import find

TREE = {"meta-data/instance-id": "i-1", "meta-data/placement/region": "r", "user-data": "text"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("meta-data/instance-id", "i-1"),
        ("meta-data/", "instance-id\nplacement/"),
        ("meta-data", "instance-id\nplacement/"),
        ("meta-data/placement/", "region"),
        ("user-data", "text"),
        ("meta-data/spot/instance-action", None),
        ("meta-data/instance", None),
    ],
)
def test_a_path_gives_its_text_or_what_is_below_it(path: str, text: str | None) -> None:
    assert find(TREE, path) == text
