"""AWS's price list service (GetProducts), in the shape of the real one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from airflow_provider_hads.local_cloud.prices import ON_DEMAND, PriceTable

__all__ = ["PriceListError", "get_products"]

TARGET_PREFIX = "AWSPriceListService."
LOCATIONS = {"us-east-1": "US East (N. Virginia)"}
PUBLISHED = "2024-01-01T00:00:00Z"
MOST_RESULTS = 100
# The same type is listed several times, as AWS does; only "Used" without a reservation is the price of a VM.
_VARIANTS = (
    ("Linux", "Used", "BoxUsage", "RunInstances", 1.0),
    ("Linux", "UnusedCapacityReservation", "UnusedBox", "RunInstances", 1.0),
    ("Linux", "AllocatedCapacityReservation", "Reservation", "RunInstances", 0.0),
    ("Windows", "Used", "BoxUsage", "RunInstances:0002", 2.0),
)


class PriceListError(Exception):
    """A request the service refuses.

    :param code: its error code.
    """

    def __init__(self, code: str, problem: str) -> None:
        self.code = code
        super().__init__(problem)


def get_products(prices: PriceTable, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetProducts.

    :param request: the call's JSON: ServiceCode, Filters, MaxResults, NextToken.
    :raises PriceListError: a parameter is wrong.
    """
    if request.get("ServiceCode") != "AmazonEC2":
        raise PriceListError("NotFoundException", f"No service with code {request.get('ServiceCode')!r}")
    filters = [_checked(item) for item in request.get("Filters", [])]
    found = [item for item in _products(prices) if all(_matches(item, *pair) for pair in filters)]
    start = int(request.get("NextToken") or 0)
    most = int(request.get("MaxResults") or MOST_RESULTS)
    page = [json.dumps(product) for product in found[start : start + most]]
    more = {"NextToken": str(start + most)} if len(found) > start + most else {}
    return {"FormatVersion": "aws_v1", "PriceList": page, **more}


def _checked(item: Mapping[str, str]) -> tuple[str, str]:
    if item.get("Type") != "TERM_MATCH":
        problem = f"Filter type {item.get('Type')!r} is not known here"
        raise PriceListError("InvalidParameterException", problem)
    return item["Field"], item["Value"]


def _matches(item: Mapping[str, Any], field: str, value: str) -> bool:
    known = {**item["product"]["attributes"], "productFamily": item["product"]["productFamily"]}
    folded = {name.lower(): str(text).lower() for name, text in {**known, "ServiceCode": "AmazonEC2"}.items()}
    return folded.get(field.lower()) == value.lower()


def _products(prices: PriceTable) -> Iterator[dict[str, Any]]:
    for region, location in LOCATIONS.items():
        for name, price in prices.offered(ON_DEMAND).items():
            for system, capacity, usage, operation, factor in _VARIANTS:
                attributes = {
                    **_type_attributes(name),
                    "capacitystatus": capacity,
                    "location": location,
                    "locationType": "AWS Region",
                    "marketoption": "OnDemand",
                    "operatingSystem": system,
                    "operation": operation,
                    "preInstalledSw": "NA",
                    "regionCode": region,
                    "servicecode": "AmazonEC2",
                    "servicename": "Amazon Elastic Compute Cloud",
                    "tenancy": "Shared",
                    "usagetype": f"{usage}:{name}",
                }
                yield _product(attributes, price * factor)


def _type_attributes(name: str) -> dict[str, str]:
    terms = INSTANCE_TYPES.get(name, {})
    vcpus = terms.get("VCpuInfo", {}).get("DefaultVCpus", "NA")
    memory = terms.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
    return {"instanceType": name, "vcpu": str(vcpus), "memory": f"{memory:g} GiB"}


def _product(attributes: Mapping[str, str], price: float) -> dict[str, Any]:
    sku = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16].upper()
    offer, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    machine = f"{attributes['operatingSystem']} {attributes['instanceType']}"
    dimension = {
        "appliesTo": [],
        "beginRange": "0",
        "description": f"${price:.4f} per On Demand {machine} Instance Hour",
        "endRange": "Inf",
        "pricePerUnit": {"USD": f"{price:.10f}"},
        "rateCode": rate,
        "unit": "Hrs",
    }
    term = {
        "effectiveDate": PUBLISHED,
        "offerTermCode": "JRTCKXETXF",
        "priceDimensions": {rate: dimension},
        "sku": sku,
        "termAttributes": {},
    }
    product = {"attributes": dict(attributes), "productFamily": "Compute Instance", "sku": sku}
    return {
        "product": product,
        "publicationDate": PUBLISHED,
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {offer: term}},
        "version": "20240101000000",
    }
