"""The prices of the plan are those that the controller decides by."""

from __future__ import annotations

import json

from airflow_provider_hads.model import Environment, InstanceType, Market
from airflow_provider_hads.runtime.market_prices import market_prices, with_prices

SMALL = InstanceType("small", 2, 4000, 10, {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}, {})
BIG = InstanceType("big", 4, 8000, 20, {Market.ON_DEMAND: 0.2}, {})
OLD = Environment({"small": SMALL, "big": BIG}, {})


def test_they_are_handed_on_as_json() -> None:
    today = Environment(
        {"small": InstanceType("small", 2, 4000, 10, {Market.SPOT: 0.05, Market.ON_DEMAND: 0.11}, {})}, {}
    )
    handed_on = json.loads(json.dumps(market_prices(today)))
    assert handed_on == {"small": {"spot": 0.05, "on-demand": 0.11}}
    known = with_prices(OLD, handed_on).instance_types
    assert (known["small"].price(Market.SPOT), known["small"].price(Market.ON_DEMAND)) == (0.05, 0.11)


def test_a_type_without_a_price_of_today_keeps_its_own() -> None:
    assert with_prices(OLD, {}) == OLD
