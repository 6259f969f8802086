"""Shortages of instance types, by market."""

from __future__ import annotations

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.capacity import CapacityBook, Shortage


@pytest.mark.parametrize(
    ("what", "spot", "on_demand", "other"),
    [
        ("c5.large", False, False, True),
        ("c5.large:spot", False, True, True),
        ("c5.large:on-demand", True, False, True),
        ("*:spot", False, True, False),
        ("*", False, False, False),
    ],
)
def test_a_shortage_is_of_a_type_and_a_market(what: str, spot: bool, on_demand: bool, other: bool) -> None:
    book = CapacityBook()
    book.add(Shortage.parse(what))

    assert book.has("c5.large", "spot") is spot
    assert book.has("c5.large", "on-demand") is on_demand
    assert book.has("m5.large", "spot") is other


def test_a_shortage_ends() -> None:
    book = CapacityBook()
    book.add(Shortage("c5.large"))
    book.add(Shortage("m5.large", "spot"))

    book.remove(Shortage("c5.large"))
    assert book.has("c5.large", "spot")
    assert not book.has("m5.large", "spot")

    book.remove(Shortage("*"))
    assert book.has("m5.large", "spot")


@pytest.mark.parametrize("wrong", ["", ":spot", "c5.large:", "c5.large:preemptible"])
def test_what_is_no_shortage_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="no-capacity"):
        Shortage.parse(wrong)
