"""What a run asks of the account, and what its prices become where the account does not tell."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from uuid import uuid4

from airflow_provider_hads.cloud.clients import ec2_client
from airflow_provider_hads.cloud.fleet import Ec2Fleet
from airflow_provider_hads.cloud.leftovers import end_leftover, find_leftovers
from airflow_provider_hads.cloud.pricing import refresh_prices
from airflow_provider_hads.cloud.requests import CloudDefaults
from airflow_provider_hads.model import Environment, InstanceType, Market, RunIdentity
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.settings import Ec2Settings
from tests.support.iam_policies import allowed_actions, needed_actions

NOW = datetime.now(timezone.utc)
BOTH = {Market.SPOT: 0.03, Market.ON_DEMAND: 0.1}
ENVIRONMENT = Environment(
    {
        "m5.large": InstanceType("m5.large", 2, 8192.0, 1.0, BOTH, dict.fromkeys(BOTH, 5)),
        "c5.large": InstanceType("c5.large", 2, 4096.0, 1.0, BOTH, dict.fromkeys(BOTH, 5)),
    },
    dict.fromkeys(BOTH, 5),
)


def test_a_run_s_vms_and_a_reap_make_only_calls_that_the_policy_allows(
    aws: str, image_id: str, calls: Counter[str]
) -> None:
    run = RunIdentity("12", 0, str(uuid4()), "results")
    client, keys = ec2_client(aws, None), ["ssh-ed25519 BBBB"]
    fleet = Ec2Fleet(client, run, Ec2Settings(), CloudDefaults(image_id), keys, sleep=lambda seconds: None)

    refresh_prices(ENVIRONMENT, aws, None, None, NOW)
    for sequence, market in enumerate(Market):
        expires_at = NOW + timedelta(hours=1)
        fleet.launch(LaunchOrder(run, "vm", sequence, 0, "m5.large", 8192.0, market, False, expires_at))
    fleet.describe()
    left, *_ = (one for one in find_leftovers(client) if one.run_uid == run.uid)
    end_leftover(client, left)
    fleet.end_all()

    assert needed_actions(calls) <= allowed_actions("iam_policy.json")
    assert {"ec2:RunInstances", "ec2:TerminateInstances", "pricing:GetProducts"} <= calls.keys()
    assert "ec2:DescribeVolumes" in calls


def test_spot_prices_of_all_types_take_one_call(aws: str, calls: Counter[str]) -> None:
    environment, _ = refresh_prices(ENVIRONMENT, aws, None, None, NOW)

    assert calls["ec2:DescribeSpotPriceHistory"] == 1
    assert environment.instance_types["m5.large"].price(Market.SPOT) == 0.00001
    assert environment.instance_types["c5.large"].price(Market.SPOT) == 0.00001


def test_a_service_that_does_not_answer_leaves_its_prices_and_one_line(aws: str) -> None:
    environment, notes = refresh_prices(ENVIRONMENT, aws, None, None, NOW)

    assert environment.instance_types["m5.large"].price(Market.ON_DEMAND) == 0.1
    (note,) = notes
    assert note.startswith("on-demand prices of c5.large, m5.large are those of env.json: GetProducts")
