"""What instance types cost on the local cloud: a built-in table, or an env.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_hads.exceptions import InputError

__all__ = ["ON_DEMAND", "SPOT", "PriceTable"]

ON_DEMAND = "on-demand"
SPOT = "spot"
_ENV_NAMES = {"on-demand": ON_DEMAND, "spot": SPOT, "preemptible": SPOT}

# $/h for Linux in us-east-1: on-demand, and what spot has cost at some time.
_BUILT_IN: dict[str, tuple[float, float]] = {
    "t2.nano": (0.0058, 0.0017),
    "t2.micro": (0.0116, 0.0035),
    "t2.small": (0.023, 0.0069),
    "t2.medium": (0.0464, 0.0139),
    "t2.large": (0.0928, 0.0278),
    "t2.xlarge": (0.1856, 0.0557),
    "t2.2xlarge": (0.3712, 0.1114),
    "t3.nano": (0.0052, 0.0016),
    "t3.micro": (0.0104, 0.0031),
    "t3.small": (0.0208, 0.0062),
    "t3.medium": (0.0416, 0.0125),
    "t3.large": (0.0832, 0.025),
    "t3.xlarge": (0.1664, 0.0499),
    "t3.2xlarge": (0.3328, 0.0998),
    "c3.large": (0.105, 0.0313),
    "c3.xlarge": (0.21, 0.0625),
    "c3.2xlarge": (0.42, 0.125),
    "c4.large": (0.1, 0.0308),
    "c4.xlarge": (0.199, 0.0634),
    "c4.2xlarge": (0.398, 0.1263),
    "c4.4xlarge": (0.796, 0.2512),
    "c4.8xlarge": (1.591, 0.5012),
    "c5.large": (0.085, 0.0334),
    "c5.xlarge": (0.17, 0.0668),
    "c5.2xlarge": (0.34, 0.1336),
    "c5.4xlarge": (0.68, 0.2672),
    "c5.9xlarge": (1.53, 0.6012),
    "m3.medium": (0.067, 0.0067),
    "m3.large": (0.133, 0.0308),
    "m4.large": (0.1, 0.0322),
    "m4.xlarge": (0.2, 0.0644),
    "m5.large": (0.096, 0.0374),
    "m5.xlarge": (0.192, 0.0748),
    "m5.2xlarge": (0.384, 0.1496),
    "r5.large": (0.126, 0.0402),
    "r5.xlarge": (0.252, 0.0804),
}


@dataclass(frozen=True)
class PriceTable:
    """$/h by instance type and market (``on-demand``, ``spot``)."""

    prices: Mapping[str, Mapping[str, float]]

    @classmethod
    def built_in(cls) -> PriceTable:
        """Return prices of common types in us-east-1."""
        return cls({name: {ON_DEMAND: full, SPOT: spot} for name, (full, spot) in _BUILT_IN.items()})

    def updated_from(self, path: Path) -> PriceTable:
        """Return this table with the prices of an env.json over it; a price of 0 means not offered.

        :raises InputError: the file is no env.json.
        """
        try:
            instances = json.loads(path.read_text())["instances"]
            given = {name: _market_prices(entry["prices"]) for name, entry in instances.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is not an env.json with instances.<type>.prices: {type(error).__name__}: {error}"
            raise InputError(str(path), "", problem) from None
        return PriceTable({**self.prices, **given})

    def price(self, instance_type: str, market: str) -> float | None:
        """Return $/h, or None where the type is not offered in that market."""
        return self.prices.get(instance_type, {}).get(market)

    def offered(self, market: str) -> dict[str, float]:
        """Return $/h of every type offered in that market."""
        return {name: prices[market] for name, prices in self.prices.items() if market in prices}


def _market_prices(prices: Mapping[str, float]) -> dict[str, float]:
    named = {_ENV_NAMES[name]: float(price) for name, price in prices.items()}
    return {market: price for market, price in named.items() if price > 0}
