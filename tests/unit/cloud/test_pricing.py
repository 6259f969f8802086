"""Today's prices in place of env.json's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from airflow_provider_hads.cloud.pricing import (
    MarketPrices,
    on_demand_prices,
    on_demand_request,
    spot_prices,
    spot_prices_paid,
    spot_prices_request,
    with_prices,
)
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.model import Environment, InstanceType, Market
from airflow_provider_hads.model.fleet import Instance, InstanceState

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


def instance_type(name: str, prices: dict[Market, float]) -> InstanceType:
    return InstanceType(name, 2, 8192.0, 1.0, prices, dict.fromkeys(prices, 5))


ENVIRONMENT = Environment(
    {
        "m5.large": instance_type("m5.large", {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}),
        "t3.micro": instance_type("t3.micro", {Market.ON_DEMAND: 0.01}),
    },
    {Market.SPOT: 5, Market.ON_DEMAND: 5},
)


def product(price: str, unit: str = "Hrs", currency: str = "USD") -> str:
    dimension = {"unit": unit, "pricePerUnit": {currency: price}}
    return json.dumps({"terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}})


@pytest.fixture
def pricing() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield client, stubber


@pytest.fixture
def ec2() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield client, stubber


def price_point(zone: str, price: str, age: float = 0.0, name: str = "m5.large") -> dict[str, Any]:
    moment = NOW - timedelta(seconds=age)
    return {"InstanceType": name, "AvailabilityZone": zone, "SpotPrice": price, "Timestamp": moment}


def test_prices_that_were_learnt_replace_those_of_env_json() -> None:
    learnt = {
        Market.ON_DEMAND: MarketPrices({"m5.large": 0.096, "t3.micro": 0.0104}),
        Market.SPOT: MarketPrices({"m5.large": 0.04}),
    }

    environment, notes = with_prices(ENVIRONMENT, learnt)

    assert environment.instance_types["m5.large"].prices == {Market.SPOT: 0.04, Market.ON_DEMAND: 0.096}
    assert environment.instance_types["t3.micro"].prices == {Market.ON_DEMAND: 0.0104}
    assert notes == ()


def test_a_market_that_env_json_does_not_offer_stays_closed() -> None:
    environment, _ = with_prices(
        ENVIRONMENT, {Market.SPOT: MarketPrices({"m5.large": 0.04, "t3.micro": 0.003})}
    )

    assert not environment.instance_types["t3.micro"].offers(Market.SPOT)


def test_what_is_not_learnt_stays_and_one_line_says_why() -> None:
    learnt = {
        Market.ON_DEMAND: MarketPrices({}, "GetProducts: AccessDeniedException"),
        Market.SPOT: MarketPrices(),
    }

    environment, notes = with_prices(ENVIRONMENT, learnt)

    assert environment == ENVIRONMENT
    assert notes == (
        "on-demand prices of m5.large, t3.micro are those of env.json: GetProducts: AccessDeniedException",
        "spot prices of m5.large are those of env.json: AWS lists none for them",
    )


def test_on_demand_prices_are_asked_for_plain_linux_on_shared_hardware() -> None:
    filters = {
        entry["Field"]: entry["Value"] for entry in on_demand_request("m5.large", "eu-west-1")["Filters"]
    }

    assert filters == {
        "instanceType": "m5.large",
        "regionCode": "eu-west-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }


def test_an_on_demand_price_is_read_from_the_price_list(pricing: tuple[Any, Stubber]) -> None:
    client, stubber = pricing
    stubber.add_response(
        "get_products", {"PriceList": [product("0.0960000000")]}, on_demand_request("m5.large", "us-east-1")
    )

    assert on_demand_prices(client, ["m5.large"], "us-east-1") == MarketPrices({"m5.large": 0.096})


@pytest.mark.parametrize(
    "listed", [[], [product("0.0000000000")], [product("9", unit="Quantity")], [product("1", currency="CNY")]]
)
def test_what_is_no_price_in_dollars_an_hour_is_left_out(
    pricing: tuple[Any, Stubber], listed: list[str]
) -> None:
    client, stubber = pricing
    stubber.add_response("get_products", {"PriceList": listed})

    assert on_demand_prices(client, ["m5.large"], "us-east-1") == MarketPrices({})


def test_a_refusal_ends_the_search_and_is_told_once(pricing: tuple[Any, Stubber]) -> None:
    client, stubber = pricing
    stubber.add_response("get_products", {"PriceList": [product("0.1")]})
    stubber.add_client_error("get_products", "AccessDeniedException", "not you")

    learnt = on_demand_prices(client, ["m5.large", "t3.micro", "t3.small"], "us-east-1")

    assert learnt.by_type == {"m5.large": 0.1}
    assert "AccessDeniedException: not you" in learnt.problem
    stubber.assert_no_pending_responses()


def test_the_dearest_zone_s_latest_price_counts_where_ec2_chooses_the_zone(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    history = [
        price_point("us-east-1a", "0.09", age=60),
        price_point("us-east-1a", "0.03"),
        price_point("us-east-1b", "0.05"),
        price_point("us-east-1b", "0.2", name="m5.xlarge"),
    ]
    stubber.add_response(
        "describe_spot_price_history",
        {"SpotPriceHistory": history},
        spot_prices_request(["m5.large", "m5.xlarge"], None, NOW),
    )

    learnt = spot_prices(client, ["m5.large", "m5.xlarge"], None, NOW)

    assert learnt == MarketPrices({"m5.large": 0.05, "m5.xlarge": 0.2})


def test_a_zone_that_is_given_is_asked_for(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    request = spot_prices_request(["m5.large"], "us-east-1a", NOW)
    history = [price_point("us-east-1a", "0.03")]
    stubber.add_response("describe_spot_price_history", {"SpotPriceHistory": history}, request)

    assert request["AvailabilityZone"] == "us-east-1a"
    assert spot_prices(client, ["m5.large"], "us-east-1a", NOW) == MarketPrices({"m5.large": 0.03})


def test_no_spot_history_is_an_error_of_the_cloud(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    stubber.add_client_error("describe_spot_price_history", "UnauthorizedOperation")

    with pytest.raises(CloudError, match="DescribeSpotPriceHistory: UnauthorizedOperation"):
        spot_prices(client, ["m5.large"], None, NOW)


def test_a_spot_vm_costs_what_its_own_zone_cost_when_it_was_started(ec2: tuple[Any, Stubber]) -> None:
    client, stubber = ec2
    history = [
        price_point("us-east-1a", "0.03", age=3600),
        price_point("us-east-1b", "0.05", age=3600),
        price_point("us-east-1a", "0.09", age=-60),  # only after the start
        price_point("us-east-1a", "0.2", name="m5.xlarge", age=3600),
    ]
    stubber.add_response(
        "describe_spot_price_history",
        {"SpotPriceHistory": history},
        spot_prices_request(["m5.large"], None, NOW),
    )

    paid = spot_prices_paid(
        client, [vm("i-1"), vm("i-2", zone="us-east-1c"), vm("i-3", market=Market.ON_DEMAND)]
    )

    assert paid == {"i-1": 0.03}


def test_no_spot_vm_no_question(ec2: tuple[Any, Stubber]) -> None:
    assert spot_prices_paid(ec2[0], [vm("i-1", market=Market.ON_DEMAND)]) == {}


def vm(instance_id: str, zone: str = "us-east-1a", market: Market = Market.SPOT) -> Instance:
    return Instance(
        instance_id,
        vm_id="vm-0",
        sequence=0,
        generation=0,
        instance_type="m5.large",
        market=market,
        state=InstanceState.TERMINATED,
        address=None,
        host_key="",
        launched_at=NOW,
        zone=zone,
    )
