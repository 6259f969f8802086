"""Rebalance recommendations: recorded and reported, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_hads.control import Observation
from airflow_provider_hads.control.report import make_report, render_report
from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.run_state import RunState
from airflow_provider_hads.runtime.state_document import dump_state, load_state
from tests.support.control_examples import at, heard, instance, play, run_state, shown

VM = {
    "vm_id": "vm-0",
    "instance_id": "i-vm-0",
    "instance_type": "small",
    "market": "spot",
    "launched_at": at(0).isoformat(),
    "ended_at": at(600).isoformat(),
}


def recommended(moment: float, instance_id: str = "i-vm-0") -> Observation:
    """What is known when the cloud recommends another place for a VM, seconds after the run's start."""
    event = CloudEvent(f"{instance_id} {moment}", instance_id, CloudEventKind.REBALANCE, at(moment))
    return Observation(events=(event,))


def after(*told: Observation) -> RunState:
    """Return the state of a run with one VM that works, after those events."""
    steps = [(20.0 + number, one) for number, one in enumerate(told)]
    state, _ = play(run_state({"vm-0": ["a"]}), [(1, shown(instance())), (9, heard()), *steps])
    return state


def test_a_recommendation_is_recorded_and_changes_nothing_else() -> None:
    state, without = after(recommended(17), recommended(20)), after()
    assert state == replace(without, vms={"vm-0": replace(without.vms["vm-0"], rebalance_at=20.0)})
    assert snapshot(state)["vms"]["vm-0"]["rebalance_at"] == 20.0
    assert snapshot(after())["vms"]["vm-0"]["rebalance_at"] is None


def test_one_for_an_instance_of_somebody_else_is_passed_over() -> None:
    assert after(recommended(17, "i-other")).vms == after().vms


def test_the_report_tells_of_it() -> None:
    made = make_report("7_0", snapshot(after(recommended(17))), {}, [VM])
    assert made["vms"][0]["rebalance_at"] == 17.0
    assert "  vm-0: rebalance recommended 17 s after the start" in render_report(made).splitlines()
    assert "rebalance" not in render_report(make_report("7_0", snapshot(after()), {}, [VM]))


def test_a_state_and_a_snapshot_of_before_it_was_recorded_can_still_be_read() -> None:
    state = after()
    assert "rebalance_at" not in dump_state(state)["state"]["vms"]["vm-0"]
    assert load_state(dump_state(state)) == state
    older = snapshot(state)
    del older["vms"]["vm-0"]["rebalance_at"]
    assert make_report("7_0", older, {}, [VM])["vms"][0]["rebalance_at"] is None
