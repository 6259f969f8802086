"""A plan as text."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.model import Market, Placement, Plan, PlannedVm
from airflow_provider_hads.planning import render_plan
from airflow_provider_hads.planning.table import WIDTH
from tests.support.planning_examples import environment, instance_type

PLAN = Plan(
    "7",
    "example",
    "cc",
    600,
    (
        PlannedVm(
            "vm-0",
            "small",
            Market.SPOT,
            0.036,
            (Placement("a", 0, 0, 200), Placement("b", 1, 0, 100), Placement("c", 1, 100, 250)),
        ),
        PlannedVm("vm-1", "big", Market.ON_DEMAND, 0.36, (Placement("d", 0, 0, 500),)),
    ),
    d_spot=300,
    d_spot_rule="published",
)
ENVIRONMENT = environment(instance_type(), instance_type("big", vcpus=16))


def test_the_whole_table() -> None:
    assert render_plan(PLAN, ENVIRONMENT, on_demand_cost=0.21) == (
        "Plan of job 7 (example), by cc\n"
        "\n"
        "VM    type   market     cores  end s   cost $  tasks\n"
        "vm-0  small  spot         2/2    250  0.00250  3: a b c\n"
        "vm-1  big    on-demand   1/16    500  0.05000  1: d\n"
        "\n"
        "2 VMs, 4 tasks: $0.05250, 500 s (both without boot); the deadline is 600 s\n"
        "D_spot, the latest end of spot work: 300 s (published)\n"
        "On-demand VMs only, none burstable: $0.21000; this plan costs 75.0 % less"
    )


def test_a_plan_that_is_dearer_says_so() -> None:
    assert render_plan(PLAN, on_demand_cost=0.042).endswith("this plan costs 25.0 % more")


def test_without_an_environment_cores_in_use_are_shown() -> None:
    assert "spot           2    250" in render_plan(PLAN)


def test_what_is_not_known_is_not_shown() -> None:
    given = Plan("7", "7", "by hand", 600, PLAN.vms)
    text = render_plan(given)
    assert text.startswith("Plan of job 7, by by hand\n")
    assert "D_spot" not in text
    assert "On-demand VMs only" not in text


def test_long_lists_and_names_are_shortened() -> None:
    places = tuple(Placement(f"task-{n}", n % 2, n, n + 1) for n in range(200))
    vm = PlannedVm("id07c69c5e-cb07-498d-b285-c0cb98085562", "u-24tb1.112xlarge", Market.ON_DEMAND, 9, places)
    lines = render_plan(Plan("7", "x" * 300, "cc", 600, (vm,))).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "id07c69c5e-cb ..  u-24tb1.112xl ..  on-demand" in lines[3]
    assert lines[3].endswith(" ..")
    assert "200: task-0 task-1 " in lines[3]


def test_a_vm_in_baseline_mode_says_so() -> None:
    slow = replace(PLAN, vms=(replace(PLAN.vms[1], cpu_share=0.25),))
    assert "vm-1  big   on-demand, baseline 25 %   1/16" in render_plan(slow, ENVIRONMENT)
