from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_hads.exceptions import InputErrors
from airflow_provider_hads.inputs import parse_environment
from airflow_provider_hads.model import Burstable, Market

Document = dict[str, Any]


def lines_of(document: Document) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        parse_environment(json.dumps(document), "env.json")
    return str(caught.value).splitlines()


def test_an_environment_is_read_in_our_units(environment_document: Document) -> None:
    environment = parse_environment(json.dumps(environment_document), "env.json")

    large, micro = environment.instance_types["c5.large"], environment.instance_types["t3.micro"]
    assert environment.global_limits == {Market.ON_DEMAND: 4, Market.SPOT: 3}
    assert (large.vcpus, large.memory, large.gflops) == (2, 4096, 40)
    assert large.prices == {Market.ON_DEMAND: 0.1, Market.SPOT: 0.03}
    assert large.limits == {Market.ON_DEMAND: 2, Market.SPOT: 3}
    assert large.burstable is None
    assert micro.burstable == Burstable(credit_rate=12, baseline=0.1)


def test_a_market_that_is_not_offered_has_no_price_and_no_limit(environment_document: Document) -> None:
    environment_document["instances"]["t3.micro"]["restrictions"]["limits"]["preemptible"] = 5

    micro = parse_environment(json.dumps(environment_document), "env.json").instance_types["t3.micro"]

    assert not micro.offers(Market.SPOT)
    assert micro.limit(Market.SPOT) == 0


def test_spot_is_another_word_for_preemptible(environment_document: Document) -> None:
    text = json.dumps(environment_document)
    assert parse_environment(text.replace("preemptible", "spot"), "env.json") == parse_environment(text, "e")


def test_burstable_terms_count_only_where_the_type_is_burstable(environment_document: Document) -> None:
    environment_document["instances"]["t3.micro"]["restrictions"]["burstable"]["burstable"] = "NO"
    environment = parse_environment(json.dumps(environment_document), "env.json")
    assert environment.instance_types["t3.micro"].burstable is None


TYPE = "env.json: instances.c5.large"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("vcpu", 0, f"{TYPE}.vcpu: 0 is out of range; it must be at least 1"),
        ("vcpu", 2.0, f"{TYPE}.vcpu: 2.0 is not a whole number"),
        ("vcpu", True, f"{TYPE}.vcpu: true is not a whole number"),
        ("memory", 0, f"{TYPE}.memory: 0 is out of range; it must be more than 0"),
        ("gflops", -1, f"{TYPE}.gflops: -1 is out of range; it must be more than 0"),
        ("provider", "gce", f'{TYPE}.provider: "gce" is not supported; the only provider is "ec2"'),
        ("prices.on-demand", -0.1, f"{TYPE}.prices.on-demand: -0.1 is out of range; it must be at least 0"),
        ("prices.spot", 0.1, f"{TYPE}.prices.spot: unknown key; remove it"),
        (
            "prices.preemptible",
            0,
            f"{TYPE}.prices.preemptible: 0 is no price, "
            "but restrictions.markets offers 'preemptible'; give more than 0 $/h, or answer \"no\" there",
        ),
        (
            "prices.on-demand",
            None,
            f"{TYPE}.prices.on-demand: null is no price, "
            "but restrictions.markets offers 'on-demand'; give more than 0 $/h, or answer \"no\" there",
        ),
        (
            "prices",
            {"on-demand": 1},
            f"{TYPE}.prices.preemptible: this key is missing, "
            "but restrictions.markets offers 'preemptible'; give more than 0 $/h, or answer \"no\" there",
        ),
        (
            "prices",
            {"on-demand": 1, "spot": 0},
            f"{TYPE}.prices.spot: 0 is no price, "
            "but restrictions.markets offers 'preemptible'; give more than 0 $/h, or answer \"no\" there",
        ),
        (
            "restrictions.limits",
            {"preemptible": 1},
            f"{TYPE}.restrictions.limits.on-demand: this key is missing, "
            "but restrictions.markets offers 'on-demand'; give one, or answer \"no\" there",
        ),
        (
            "restrictions.limits.on-demand",
            None,
            f"{TYPE}.restrictions.limits.on-demand: null is no limit, "
            "but restrictions.markets offers 'on-demand'; give one, or answer \"no\" there",
        ),
        (
            "memory",
            10**400,
            f"{TYPE}.memory: 1{'0' * 59}... is too large a number; use fewer digits",
        ),
        (
            "restrictions.limits.on-demand",
            -1,
            f"{TYPE}.restrictions.limits.on-demand: -1 is out of range; it must be at least 0",
        ),
        (
            "restrictions.markets.on-demand",
            "maybe",
            f'{TYPE}.restrictions.markets.on-demand: "maybe" must be "yes" or "no"',
        ),
        (
            "restrictions.burstable.baseline",
            130,
            f"{TYPE}.restrictions.burstable.baseline: 130 is out of range; it must be at most 100",
        ),
        (
            "restrictions.burstable.cpu_credit_rate",
            -1,
            f"{TYPE}.restrictions.burstable.cpu_credit_rate: -1 is out of range; it must be at least 0",
        ),
        ("vcpus", 2, f"{TYPE}.vcpus: unknown key; did you mean 'vcpu'?"),
    ],
)
def test_bad_values_of_a_type(environment_document: Document, path: str, value: object, line: str) -> None:
    node = environment_document["instances"]["c5.large"]
    *parents, key = path.split(".")
    for parent in parents:
        node = node[parent]
    node[key] = value

    assert lines_of(environment_document) == [line]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"instances": {}}, "instances: there are no instance types; an environment needs at least one"),
        ({"global_limits": {}}, "global_limits.ec2: this key is missing; add it"),
        ({"global_limits": {"ec2": {"spot": 1}}}, "global_limits.ec2.on-demand: this key is missing; add it"),
        ({"global_limits": 3}, "global_limits: 3 is not an object ({...})"),
    ],
)
def test_bad_environments(environment_document: Document, changes: Document, line: str) -> None:
    assert lines_of({**environment_document, **changes}) == [f"env.json: {line}"]


def test_nothing_is_offered(environment_document: Document) -> None:
    for entry in environment_document["instances"].values():
        entry["restrictions"]["markets"] = {"on-demand": "no", "preemptible": "no"}

    assert lines_of(environment_document) == [
        "env.json: instances: no instance type is offered in any market; "
        'answer "yes" in some restrictions.markets'
    ]


def test_a_type_name_that_is_no_safe_name(environment_document: Document) -> None:
    environment_document["instances"]["c5 large"] = environment_document["instances"].pop("t3.micro")
    (line,) = lines_of(environment_document)
    assert line.startswith('env.json: instances."c5 large": "c5 large" can\'t be used as a name: ')
