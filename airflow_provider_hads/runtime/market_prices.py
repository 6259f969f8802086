"""The prices that a run was planned with, as one task hands them to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_hads.model.environment import Environment, InstanceType, Market

__all__ = ["market_prices", "with_prices"]


def market_prices(environment: Environment) -> dict[str, dict[str, float]]:
    """Return the prices by type and market, $/h, in a JSON-able form."""
    return {
        name: {market.value: price for market, price in kind.prices.items()}
        for name, kind in environment.instance_types.items()
    }


def with_prices(environment: Environment, prices: Mapping[str, Mapping[str, float]]) -> Environment:
    """Return an environment at other prices.

    :param prices: what :func:`market_prices` gave; a type that is missing there keeps its own.
    """
    types = {name: _priced(kind, prices.get(name, {})) for name, kind in environment.instance_types.items()}
    return replace(environment, instance_types=types)


def _priced(kind: InstanceType, prices: Mapping[str, float]) -> InstanceType:
    return replace(kind, prices={**kind.prices, **{Market(name): price for name, price in prices.items()}})
