"""DescribeSpotPriceHistory in the shape of the real one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hads.local_cloud.prices import SPOT, PriceTable

__all__ = ["PriceQuery", "spot_price_history", "spot_price_in"]

PRODUCT = "Linux/UNIX"
# Zones differ a little, as they do; the first one has the price of the table.
_ZONE_FACTORS = {"a": 1.0, "b": 1.02, "c": 1.05}
_CHANGE_PERIOD = timedelta(hours=6)
_OLDER_FACTOR = 1.1


@dataclass(frozen=True)
class PriceQuery:
    """What is asked for; an empty sequence means all.

    :param since: prices in force from then on; None is now.
    """

    instance_types: Sequence[str] = ()
    zones: Sequence[str] = ()
    products: Sequence[str] = ()
    since: datetime | None = None


def spot_price_history(
    prices: PriceTable, region: str, query: PriceQuery, changed: datetime
) -> list[dict[str, Any]]:
    """Return the price changes that matter to a query, the latest first.

    :param changed: since when the prices are what they are. What is told of a moment never changes.
    """
    return [
        entry
        for entry in _changes(prices, region, changed, query.since or changed)
        if _asked(entry["InstanceType"], query.instance_types)
        and _asked(entry["AvailabilityZone"], query.zones)
        and _asked(entry["ProductDescription"], query.products)
    ]


def spot_price_in(prices: PriceTable, instance_type: str, zone: str) -> float | None:
    """Return the present spot price of a type in a zone, $/h; None where it is not offered."""
    price = prices.price(instance_type, SPOT)
    return None if price is None else round(price * _ZONE_FACTORS.get(zone[-1:], 1.0), 6)


def _asked(value: str, wanted: Sequence[str]) -> bool:
    return not wanted or value in wanted


def _changes(prices: PriceTable, region: str, changed: datetime, since: datetime) -> Iterator[dict[str, Any]]:
    """Yield each price in force now, and the one before where it was in force after ``since``."""
    for name in prices.offered(SPOT):
        for letter in _ZONE_FACTORS:
            zone = f"{region}{letter}"
            price = spot_price_in(prices, name, zone) or 0.0
            yield _entry(name, zone, price, changed)
            if since < changed:
                yield _entry(name, zone, price * _OLDER_FACTOR, changed - _CHANGE_PERIOD)


def _entry(name: str, zone: str, price: float, changed: datetime) -> dict[str, Any]:
    return {
        "AvailabilityZone": zone,
        "InstanceType": name,
        "ProductDescription": PRODUCT,
        "SpotPrice": f"{price:.6f}",
        "Timestamp": changed,
    }
