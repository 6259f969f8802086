"""Whether the loss of all spot VMs could be made good."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.model import Market, Placement, Plan, PlannedVm
from airflow_provider_hads.planning import PlanRequest
from airflow_provider_hads.planning.recovery import first_unsafe_moment
from tests.support.planning_examples import environment, instance_type, job
from tests.support.recovery_checker import unrecoverable_moments

REQUEST = PlanRequest(job([100, 100]), environment(), deadline=500, boot=60, reaction=40)
"""Two tasks of 100 s; whatever is lost can be run again 100 s later."""


def one_after_the_other(market: Market = Market.SPOT, vm_id: str = "vm-0") -> PlannedVm:
    places = (Placement("0", 0, 0, 100), Placement("1", 0, 100, 200))
    return PlannedVm(vm_id, "small", market, 0.03, places)


def plan(*vms: PlannedVm) -> Plan:
    return Plan("7", "example", "by hand", 500, vms)


def unsafe(request: PlanRequest, *vms: PlannedVm) -> float | None:
    return first_unsafe_moment(request, plan(*vms))


def test_a_loss_right_before_the_last_end_leaves_just_enough_time() -> None:
    """Lost at 200, ready again at 300, done at 400."""
    assert unsafe(replace(REQUEST, deadline=400), one_after_the_other()) is None
    assert unsafe(replace(REQUEST, deadline=399), one_after_the_other()) == 200


def test_boot_and_reaction_count() -> None:
    assert unsafe(replace(REQUEST, deadline=400, boot=61), one_after_the_other()) == 200
    assert unsafe(replace(REQUEST, deadline=400, reaction=41), one_after_the_other()) == 200


def test_the_first_moment_may_be_the_worst() -> None:
    """At 100 both tasks are lost; one core can't run them both between 200 and 390."""
    one_core = environment(instance_type(vcpus=1, limit=(5, 1)))
    request = replace(REQUEST, environment=one_core, deadline=390)
    assert unsafe(request, one_after_the_other()) == 100
    assert unsafe(replace(request, deadline=400), one_after_the_other()) is None


def test_without_on_demand_vms_no_moment_of_spot_work_is_safe() -> None:
    assert unsafe(replace(REQUEST, environment=environment(on_demand=0)), one_after_the_other()) == 100


def test_burstable_types_are_no_reserve() -> None:
    burstable = environment(instance_type(burstable=True))
    assert unsafe(replace(REQUEST, environment=burstable), one_after_the_other()) == 100


def test_work_on_demand_is_always_safe() -> None:
    assert unsafe(replace(REQUEST, deadline=200), one_after_the_other(Market.ON_DEMAND)) is None


def test_on_demand_vms_of_the_plan_count_against_the_limits_until_they_are_free() -> None:
    """The one on-demand VM allowed is busy until 300; both cores are free then."""
    request = replace(REQUEST, job=job([100, 100, 300]), environment=environment(on_demand=1))
    busy = PlannedVm("vm-1", "small", Market.ON_DEMAND, 0.1, (Placement("2", 0, 0, 300),))
    assert unsafe(replace(request, deadline=400), one_after_the_other(), busy) is None
    later = replace(busy, placements=(Placement("2", 0, 0, 301),))
    assert unsafe(replace(request, deadline=400), one_after_the_other(), later) == 100


def test_memory_binds_a_recovery_too() -> None:
    """Only one of the two tasks at a time fits on the VM."""
    request = replace(REQUEST, job=job([100, 100], memory=3000), environment=environment(on_demand=1))
    assert unsafe(replace(request, deadline=399), one_after_the_other()) == 100
    assert unsafe(replace(request, deadline=400), one_after_the_other()) is None


def test_a_better_packing_than_the_longest_first_may_save_a_loss() -> None:
    """On two cores 3+3 and 2+2+2 end at 6; longest first needs 7: unsafe, though it could be made good."""
    request = PlanRequest(
        job([300, 300, 200, 200, 200]), environment(on_demand=1), deadline=1400, boot=60, reaction=40
    )
    spans = ((0, 0, 300), (1, 0, 300), (0, 300, 500), (1, 300, 500), (0, 500, 700))
    places = tuple(Placement(str(index), *span) for index, span in enumerate(spans))
    lost = plan(PlannedVm("vm-0", "small", Market.SPOT, 0.03, places))
    assert unrecoverable_moments(lost, replace(request, deadline=1000)) == []
    assert first_unsafe_moment(replace(request, deadline=999), lost) == 300
    assert unrecoverable_moments(lost, replace(request, deadline=999)) == [300, 500, 700]
    assert first_unsafe_moment(replace(request, deadline=1000), lost) == 300
    assert first_unsafe_moment(replace(request, deadline=1100), lost) is None
