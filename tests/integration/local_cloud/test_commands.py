"""The command line of the local cloud, by examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_hads.commands.local_cloud import main
from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import launch, wait_for_state

pytestmark = pytest.mark.docker

HIBERNATES = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "hibernate"}
TAGS = [{"Key": key, "Value": value} for key, value in {"hads:vm": "vm-7", "hads:job": "7_0"}.items()]


@pytest.fixture
def vm(cloud: LocalCloud) -> str:
    """A spot VM of a run."""
    vm = launch(
        cloud,
        InstanceType="c4.large",
        InstanceMarketOptions={"MarketType": "spot", "SpotOptions": HIBERNATES},
        TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}],
    )
    wait_for_state(cloud, vm, "running")
    return vm


@pytest.fixture
def said(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a subcommand; return what it says."""

    def run(*arguments: str) -> str:
        main([*arguments, "--state-dir", str(cloud.state_dir)])
        return capsys.readouterr().out.strip()

    return run


def test_a_vm_is_interrupted_and_resumed_by_its_name(vm: str, cloud: LocalCloud, said: Any) -> None:
    assert said("interrupt", "vm-7", "--rebalance") == "vm-7: rebalance recommended"
    assert said("interrupt", "vm-7") == "vm-7: hibernate"
    assert [item.hibernated for item in cloud.vms() if item.instance_id == vm] == [True]
    assert said("resume", "vm-7") == "vm-7: goes on"
    notice = said("interrupt", "vm-7", "--action", "stop")
    assert notice == "vm-7: stop in 120 s, as its notice says"


def test_the_bill_is_a_table_and_json_and_one_run_s(vm: str, said: Any) -> None:
    table = said("bill", "--run", "7_0").splitlines()
    document = json.loads(said("bill", "--run", "7_0", "--json"))

    assert table[0].split()[:3] == ["VM", "TYPE", "MARKET"]
    assert table[-1].startswith("Total: $0.000")
    items = [item for item in document["vms"] if item["instance_id"] == vm]
    assert [(item["price"], item["ended_at"]) for item in items] == [(0.0308, None)]
    assert document["total"] == pytest.approx(sum(item["dollars"] for item in document["vms"]))
    assert json.loads(said("bill", "--run", "nobody's", "--json")) == {"vms": [], "total": 0}


def test_trouble_is_said_and_ended(cloud: LocalCloud, said: Any) -> None:
    assert said("hazard", "--hibernation-rate", "0.001", "--seed", "1").startswith("Spot VMs are interrupted")
    assert said("hazard", "--off").startswith("No hazard any more")
    assert said("fault", "--api", "throttle", "--rate", "0.2") == "20% of the EC2 calls: throttle"
    assert said("no-capacity", "c5.large:spot") == "No capacity of c5.large:spot"
    assert said("ssh") == "All VMs: SSH refused"
    assert said("ssh", "--accept") == "All VMs: SSH accepted"
    assert said("fault", "--off") == "No faults any more, and capacity of all types."


@pytest.mark.parametrize("arguments", [["hazard"], ["fault"], ["hazard", "--off", "--trace", "x"]])
def test_a_choice_that_is_missing_is_asked_for(arguments: list[str], said: Any) -> None:
    with pytest.raises(SystemExit, match="give --"):
        said(*arguments)
