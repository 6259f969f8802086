"""The order in which new spot VMs are offered."""

from __future__ import annotations

from itertools import islice

import pytest

from airflow_provider_hads.planning.cc import spot_weights
from airflow_provider_hads.planning.round_robin import weighted_round_robin
from tests.support.planning_examples import instance_type


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"A": 5, "B": 1, "C": 1}, "AAAAABCAAAAABC"),
        ({"A": 1, "B": 3, "C": 2}, "BBCABCBBCABC"),
        ({"A": 4, "B": 2}, "AABAAB"),
        ({"A": 2, "B": 2, "C": 2}, "ABCABC"),
        ({"A": 1}, "AAA"),
    ],
)
def test_each_item_comes_as_often_as_its_weight(weights: dict[str, int], expected: str) -> None:
    turns = weighted_round_robin(list(weights.items()))
    assert "".join(islice(turns, len(expected))) == expected


def test_without_items_there_are_no_turns() -> None:
    assert list(weighted_round_robin([])) == []


def test_weights_go_from_1_to_3_by_gflops_per_spot_price() -> None:
    types = [
        instance_type("worst", gflops=10, spot=0.1),
        instance_type("middling", gflops=10, spot=0.02),
        instance_type("good", gflops=60, spot=0.1),
        instance_type("best", gflops=100, spot=0.1),
    ]
    assert spot_weights(types) == [1, 2, 3, 3]


def test_equal_ranks_have_equal_weights() -> None:
    assert spot_weights([instance_type("a"), instance_type("b")]) == [1, 1]


def test_a_free_type_ranks_first() -> None:
    assert spot_weights([instance_type("a"), instance_type("free", spot=0.0)]) == [1, 3]
