"""The price table, the price list and the spot price history."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.local_cloud.price_history import PriceQuery, spot_price_history
from airflow_provider_hads.local_cloud.price_list import PriceListError, get_products
from airflow_provider_hads.local_cloud.prices import ON_DEMAND, SPOT, PriceTable

NOW = datetime(2030, 1, 1, 10, tzinfo=timezone.utc)
TABLE = PriceTable({"c3.large": {ON_DEMAND: 0.1, SPOT: 0.03}, "t2.micro": {ON_DEMAND: 0.01}})


def written(folder: Path, document: Any) -> Path:
    """An env.json with this content."""
    path = folder / "env.json"
    path.write_text(json.dumps(document))
    return path


def test_an_env_json_replaces_built_in_prices(tmp_path: Path) -> None:
    prices = {"prices": {"on-demand": 1.0, "preemptible": 0.25}}
    table = PriceTable.built_in().updated_from(written(tmp_path, {"instances": {"c3.large": prices}}))

    assert (table.price("c3.large", ON_DEMAND), table.price("c3.large", SPOT)) == (1.0, 0.25)
    assert table.price("t2.micro", ON_DEMAND) == 0.0116


def test_a_price_of_nothing_is_not_offered(tmp_path: Path) -> None:
    prices = {"prices": {"on-demand": 1.0, "preemptible": 0.0}}
    table = PriceTable({}).updated_from(written(tmp_path, {"instances": {"t2.micro": prices}}))

    assert table.price("t2.micro", SPOT) is None
    assert table.offered(SPOT) == {}


@pytest.mark.parametrize(
    "document", [[], {}, {"instances": {"a": {}}}, {"instances": {"a": {"prices": {"x": 1}}}}]
)
def test_another_file_is_refused_by_name(tmp_path: Path, document: Any) -> None:
    with pytest.raises(InputError, match=r"env\.json: is not an env\.json"):
        PriceTable.built_in().updated_from(written(tmp_path, document))


def test_every_published_type_has_a_price() -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "hads"
    names = {
        name for path in folder.glob("*/env.json") for name in json.loads(path.read_text())["instances"]
    } or {"c3.large", "t2.micro"}

    assert [name for name in sorted(names) if PriceTable.built_in().price(name, ON_DEMAND) is None] == []


def test_the_price_list_matches_any_case_and_all_filters() -> None:
    filters = [
        {"Type": "TERM_MATCH", "Field": "instancetype", "Value": "C3.LARGE"},
        {"Type": "TERM_MATCH", "Field": "operatingSystem", "Value": "Linux"},
        {"Type": "TERM_MATCH", "Field": "capacitystatus", "Value": "Used"},
    ]

    (text,) = get_products(TABLE, {"ServiceCode": "AmazonEC2", "Filters": filters})["PriceList"]

    product = json.loads(text)
    (offer,) = product["terms"]["OnDemand"].values()
    (dimension,) = offer["priceDimensions"].values()
    assert dimension["pricePerUnit"] == {"USD": "0.1000000000"}
    assert dimension["unit"] == "Hrs"
    assert product["product"]["attributes"]["vcpu"] == "2"
    assert offer["sku"] == product["product"]["sku"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"ServiceCode": "AmazonRDS"}, "NotFoundException"),
        ({"ServiceCode": "AmazonEC2", "Filters": [{"Type": "CONTAINS"}]}, "InvalidParameterException"),
    ],
)
def test_the_price_list_refuses_what_it_does_not_know(request_: dict[str, Any], code: str) -> None:
    with pytest.raises(PriceListError) as refused:
        get_products(TABLE, request_)

    assert refused.value.code == code


def test_spot_prices_now_are_one_for_each_zone() -> None:
    found = spot_price_history(TABLE, "us-east-1", PriceQuery(), NOW)

    assert [item["AvailabilityZone"] for item in found] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert {item["InstanceType"] for item in found} == {"c3.large"}
    assert found[0]["SpotPrice"] == "0.030000"
    assert all(item["Timestamp"] <= NOW for item in found)


def test_older_spot_prices_come_with_an_older_start() -> None:
    query = PriceQuery(zones=["us-east-1a"], since=NOW - timedelta(days=1))

    found = spot_price_history(TABLE, "us-east-1", query, NOW)

    assert [NOW - item["Timestamp"] for item in found] == [timedelta(0), timedelta(hours=6)]
    later = PriceQuery(zones=["us-east-1a"], since=NOW + timedelta(days=1))
    assert spot_price_history(TABLE, "us-east-1", later, NOW) == found[:1]


@pytest.mark.parametrize(
    "query",
    [PriceQuery(instance_types=["t2.micro"]), PriceQuery(products=["Windows"]), PriceQuery(zones=["x"])],
)
def test_spot_prices_that_are_not_there_are_an_empty_list(query: PriceQuery) -> None:
    assert spot_price_history(TABLE, "us-east-1", query, NOW) == []
