"""What else the local cloud has: prices, claims in the bucket, queues."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.local_cloud import LocalCloud

pytestmark = pytest.mark.docker


def term(field: str, value: str) -> dict[str, str]:
    """One filter of GetProducts."""
    return {"Type": "TERM_MATCH", "Field": field, "Value": value}


def prices_of(products: list[str]) -> list[float]:
    """The hourly prices in a price list."""
    dimensions: list[Any] = []
    for product in products:
        for offer in json.loads(product)["terms"]["OnDemand"].values():
            dimensions += offer["priceDimensions"].values()
    return [float(dimension["pricePerUnit"]["USD"]) for dimension in dimensions]


USUAL = [
    term("regionCode", "us-east-1"),
    term("operatingSystem", "Linux"),
    term("tenancy", "Shared"),
    term("preInstalledSw", "NA"),
    term("capacitystatus", "Used"),
]


def test_the_price_list_has_one_price_for_a_plain_linux_vm(cloud: LocalCloud) -> None:
    pricing = cloud.client("pricing")

    def get(*filters: dict[str, str]) -> list[float]:
        answer = pricing.get_products(ServiceCode="AmazonEC2", Filters=list(filters))
        return prices_of(answer["PriceList"])

    assert get(*USUAL, term("instanceType", "c3.large")) == [0.105]
    assert len(get(term("instanceType", "c3.large"))) > 1
    assert get(*USUAL, term("instanceType", "z9.huge")) == []


def test_the_price_list_comes_in_pages(cloud: LocalCloud) -> None:
    pages = (
        cloud.client("pricing")
        .get_paginator("get_products")
        .paginate(ServiceCode="AmazonEC2", Filters=USUAL, PaginationConfig={"PageSize": 10})
    )

    sizes = [len(page["PriceList"]) for page in pages]

    assert len(sizes) > 2
    assert set(sizes[:-1]) == {10}


def test_spot_prices_are_told_by_zone(cloud: LocalCloud) -> None:
    answer = cloud.client("ec2").describe_spot_price_history(
        InstanceTypes=["c3.large"], ProductDescriptions=["Linux/UNIX"]
    )["SpotPriceHistory"]

    assert {item["AvailabilityZone"]: item["SpotPrice"] for item in answer}["us-east-1a"] == "0.031300"
    assert len({item["AvailabilityZone"] for item in answer}) == 3


def test_of_many_claims_at_once_one_succeeds(cloud: LocalCloud) -> None:
    clients = [cloud.client("s3") for _ in range(4)]

    def claim(number: int) -> str:
        try:
            clients[number % 4].put_object(Bucket=cloud.bucket, Key="claim", Body=b"1", IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "claimed"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(claim, range(20)))

    assert sorted(results) == ["PreconditionFailed"] * 19 + ["claimed"]


def test_queues_work(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]

    sqs.send_message(QueueUrl=url, MessageBody="hello")

    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_the_account_can_be_asked_who_it_is(cloud: LocalCloud) -> None:
    assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
