"""The VMs that a run starts with where its policy follows a plan, and the tables that start so."""

from __future__ import annotations

import pytest

from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.exceptions import InfeasibleJob
from airflow_provider_hads.model import Market
from airflow_provider_hads.simulation.planned_fleet import planned_fleet
from tests.benchmarks.control_tables import main, scenarios
from tests.support.simulated_jobs import environment, job

JOB, KINDS = job(300.0, 250.0, 200.0), environment()


@pytest.mark.parametrize("policy", ["hads", "burst-hads"])
def test_a_policy_that_follows_a_plan_starts_with_its_vms(policy: str) -> None:
    vms = planned_fleet(Mission(JOB, KINDS, policy), 2700.0)
    assert sorted(task for vm in vms for task in vm.task_ids) == sorted(JOB.tasks)
    assert any(vm.market is Market.SPOT for vm in vms)


def test_other_policies_start_with_none() -> None:
    assert planned_fleet(Mission(JOB, KINDS, "adaptive"), 2700.0) == ()


def test_a_deadline_that_no_plan_meets_is_refused() -> None:
    with pytest.raises(InfeasibleJob):
        planned_fleet(Mission(JOB, KINDS, "hads"), 300.0)


@pytest.mark.parametrize(("policy", "planner"), [("hads", "cc"), ("burst-hads", "ils")])
def test_the_tables_tell_the_planner_and_how_many_deadlines_are_met(
    capsys: pytest.CaptureFixture[str], policy: str, planner: str
) -> None:
    scenarios(Mission(JOB, KINDS, policy), 2)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{policy}, plan by {planner}, per vm")
    assert second.startswith(f"{policy}, plan by {planner}, per type")
    assert first.endswith("12 of 12")
    baseline = float(first.split()[6].rstrip("%"))
    assert baseline < 50, "without interruptions the plan's spot VMs do all the work"


def test_one_table_can_be_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "{552p,estimates,speed,decisions,551,traces}" in capsys.readouterr().out
