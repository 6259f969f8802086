"""Today's prices in place of env.json's."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from airflow_provider_hads.cloud.clients import ec2_client, pricing_client
from airflow_provider_hads.cloud.errors import translated
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model.environment import Environment, InstanceType, Market
from airflow_provider_hads.model.fleet import Instance

__all__ = [
    "MarketPrices",
    "on_demand_prices",
    "on_demand_request",
    "refresh_prices",
    "spot_prices",
    "spot_prices_paid",
    "spot_prices_request",
    "with_prices",
]

log = logging.getLogger(__name__)

_LINUX = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"]


@dataclass(frozen=True)
class MarketPrices:
    """The prices of one market, as far as they could be learnt.

    :param by_type: $/h by name of the type.
    :param problem: why some or all are missing; empty if AWS just knows none.
    """

    by_type: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


def refresh_prices(
    environment: Environment, aws_conn_id: str | None, region: str | None, zone: str | None, now: datetime
) -> tuple[Environment, tuple[str, ...]]:
    """Return an environment with today's prices; what AWS does not tell stays as env.json has it.

    :param environment: the job's; only prices of markets that it offers are replaced.
    :param aws_conn_id: the AWS connection.
    :param region: overrides the connection's.
    :param zone: where spot VMs will run; None where EC2 chooses: then the dearest zone's price counts.
    :param now: the present moment.
    :return: the environment, and a line for each reason for which prices of env.json were kept.
    """

    @cache
    def ec2() -> Any:
        return ec2_client(aws_conn_id, region)

    def learn_on_demand(names: list[str]) -> MarketPrices:
        return on_demand_prices(pricing_client(aws_conn_id), names, ec2().meta.region_name)

    def learn_spot(names: list[str]) -> MarketPrices:
        return spot_prices(ec2(), names, zone, now)

    learnt = {
        Market.ON_DEMAND: _learn(environment, Market.ON_DEMAND, learn_on_demand),
        Market.SPOT: _learn(environment, Market.SPOT, learn_spot),
    }
    return with_prices(environment, learnt)


def _learn(
    environment: Environment, market: Market, learn: Callable[[list[str]], MarketPrices]
) -> MarketPrices:
    names = _offered(environment, market)
    if not names:
        return MarketPrices()
    try:
        return learn(names)
    except CloudError as error:
        return MarketPrices(problem=str(error))


def _offered(environment: Environment, market: Market) -> list[str]:
    return sorted(name for name, kind in environment.instance_types.items() if kind.offers(market))


def with_prices(
    environment: Environment, learnt: Mapping[Market, MarketPrices]
) -> tuple[Environment, tuple[str, ...]]:
    """Return an environment with the prices that were learnt, and why others were kept.

    :param environment: the job's.
    :param learnt: prices by market.
    """
    types = {name: _with_prices(kind, learnt) for name, kind in environment.instance_types.items()}
    notes = [_note(environment, market, prices) for market, prices in learnt.items()]
    return replace(environment, instance_types=types), tuple(note for note in notes if note)


def _with_prices(kind: InstanceType, learnt: Mapping[Market, MarketPrices]) -> InstanceType:
    prices = {
        market: learnt[market].by_type.get(kind.name, price) if market in learnt else price
        for market, price in kind.prices.items()
    }
    return replace(kind, prices=prices)


def _note(environment: Environment, market: Market, prices: MarketPrices) -> str:
    kept = [name for name in _offered(environment, market) if name not in prices.by_type]
    if not kept:
        return ""
    reason = prices.problem or "AWS lists none for them"
    return f"{market} prices of {', '.join(kept)} are those of env.json: {reason}"


def on_demand_request(instance_type: str, region: str) -> dict[str, Any]:
    """Return the GetProducts request for a type's price: Linux, shared tenancy, nothing pre-installed."""
    attributes = {
        "instanceType": instance_type,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
    return {"ServiceCode": "AmazonEC2", "Filters": filters, "FormatVersion": "aws_v1"}


def on_demand_prices(client: Any, names: Iterable[str], region: str) -> MarketPrices:
    """Return the on-demand prices of some types; the first failure ends the search and is told.

    :param client: a boto3 Pricing client.
    :param names: the types' names.
    :param region: the region's code.
    """
    found: dict[str, float] = {}
    for name in names:
        try:
            with translated("GetProducts", name):
                pages = list(client.get_paginator("get_products").paginate(**on_demand_request(name, region)))
        except CloudError as error:
            return MarketPrices(found, str(error))
        products = [product for page in pages for product in page["PriceList"]]
        prices = [price for product in products for price in _hourly_prices(product)]
        if prices:
            found[name] = max(prices)
    return MarketPrices(found)


def _hourly_prices(product: str) -> list[float]:
    """Return the $/h of one product of the price list; other currencies and units are left out."""
    terms = json.loads(product).get("terms", {}).get("OnDemand", {})
    dimensions = [entry for term in terms.values() for entry in term.get("priceDimensions", {}).values()]
    hourly = [entry for entry in dimensions if entry.get("unit") == "Hrs"]
    prices = [float(entry.get("pricePerUnit", {}).get("USD", 0)) for entry in hourly]
    return [price for price in prices if price > 0]


def spot_prices_request(names: Iterable[str], zone: str | None, since: datetime) -> dict[str, Any]:
    """Return the DescribeSpotPriceHistory request for the prices of some types from then on, with one call.

    A history that starts at a moment holds the last price before it, of each type and zone.
    """
    request = {"InstanceTypes": sorted(names), "ProductDescriptions": _LINUX, "StartTime": since}
    return {**request, "AvailabilityZone": zone} if zone else request


def spot_prices(client: Any, names: Iterable[str], zone: str | None, now: datetime) -> MarketPrices:
    """Return the present spot prices of some types.

    Where EC2 chooses the zone, the dearest zone's price counts: a plan then costs no more than it says.

    :param client: a boto3 EC2 client.
    :param names: the types' names.
    :param zone: where the VMs will run; None where EC2 chooses.
    :param now: the present moment.
    :raises CloudError: EC2 does not say.
    """
    return MarketPrices(_dearest_zones(_price_history(client, names, zone, now)))


def spot_prices_paid(client: Any, instances: Iterable[Instance]) -> dict[str, float]:
    """Return what spot VMs cost an hour: the price of their type in their own zone when they were started.

    EC2 follows the price while a VM runs, which is neglected: it changes by little within a run. Of a VM that
    has ended EC2 knows its last start only.

    :param client: a boto3 EC2 client.
    :param instances: on-demand VMs among them are left out.
    :return: $/h by instance id; VMs of which EC2 tells no price are missing.
    :raises CloudError: EC2 does not say.
    """
    spot = [instance for instance in instances if instance.market is Market.SPOT]
    if not spot:
        return {}
    since = min(instance.launched_at for instance in spot)
    history = _price_history(client, {instance.instance_type for instance in spot}, None, since)
    paid = {instance.instance_id: _price_at_start(instance, history) for instance in spot}
    return {instance_id: price for instance_id, price in paid.items() if price is not None}


def _price_at_start(instance: Instance, history: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the last price in a VM's zone before it was started, or the first one after that."""
    own = [
        (entry["Timestamp"], float(entry["SpotPrice"]))
        for entry in history
        if (entry["InstanceType"], entry["AvailabilityZone"]) == (instance.instance_type, instance.zone)
    ]
    before = [told for told in own if told[0] <= instance.launched_at]
    return max(before)[1] if before else min(own)[1] if own else None


def _price_history(
    client: Any, names: Iterable[str], zone: str | None, since: datetime
) -> list[Mapping[str, Any]]:
    with translated("DescribeSpotPriceHistory"):
        paginator = client.get_paginator("describe_spot_price_history")
        pages = paginator.paginate(**spot_prices_request(names, zone, since))
        return [entry for page in pages for entry in page["SpotPriceHistory"]]


def _dearest_zones(history: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return each type's latest price in its dearest zone."""
    ordered = sorted(history, key=lambda entry: entry["Timestamp"])
    latest = {
        (entry["InstanceType"], entry["AvailabilityZone"]): float(entry["SpotPrice"]) for entry in ordered
    }
    by_type: dict[str, float] = {}
    for (name, _), price in latest.items():
        by_type[name] = max(price, by_type.get(name, 0.0))
    return {name: price for name, price in by_type.items() if price > 0}
