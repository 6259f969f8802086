"""The published algorithms, decision by decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from airflow_provider_hads.control import Action, AssignTask, LaunchVm, Reason, StealTask, TerminateVm
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.published.policy import burst_hads, hads
from airflow_provider_hads.model import Market
from airflow_provider_hads.model.run_state import VmState
from tests.support.fleets import BASELINE, BURST, MISSION, ledger, vm

LOST = vm("vm-0", Market.SPOT, state=VmState.HIBERNATED, runs=["a"])
"""A spot VM that has fallen asleep with task a."""

BURSTABLE = vm("vm-1", kind=BURST, has_credits=10)
IDLE = vm("vm-2")
WORKING = vm("vm-3", runs=["b"])


def decisions(books: Ledger, elapsed: float, *, burst: bool = True) -> list[Action]:
    orders = Orders(books, elapsed)
    (burst_hads if burst else hads)(books, orders, elapsed)
    return orders.issued


def assigned(actions: Sequence[Action]) -> dict[str, tuple[str, Reason]]:
    """Return where tasks go, and why."""
    return {one.task_id: (one.vm_id, one.reason) for one in actions if isinstance(one, AssignTask)}


def ended(actions: Sequence[Action]) -> dict[str, Reason]:
    return {one.vm_id: one.reason for one in actions if isinstance(one, TerminateVm)}


def test_first_an_idle_burstable_vm_with_enough_credits() -> None:
    actions = decisions(ledger(LOST, BURSTABLE, IDLE, WORKING), 20)
    assert assigned(actions)["a"] == ("vm-1", Reason.MIGRATED)
    order = next(one for one in actions if isinstance(one, AssignTask) and one.task_id == "a")
    assert order.cpu_share is None, "at full speed"


def test_without_the_credits_an_idle_vm() -> None:
    poor = vm("vm-1", kind=BURST, has_credits=1)
    assert assigned(decisions(ledger(LOST, poor, IDLE, WORKING), 20))["a"] == ("vm-2", Reason.MIGRATED)


def test_then_a_working_one() -> None:
    assert assigned(decisions(ledger(LOST, WORKING), 20))["a"] == ("vm-3", Reason.MIGRATED)


def test_then_a_new_one_on_demand() -> None:
    books = ledger(LOST)
    launched = [one for one in decisions(books, 20) if isinstance(one, LaunchVm)]
    assert [(one.market, one.reason) for one in launched] == [(Market.ON_DEMAND, Reason.MIGRATION_TARGET)]
    assert books.vms[launched[0].vm_id].task_ids == ("a",), "its task waits for it"


def test_an_idle_spot_vm_only_as_long_as_a_loss_there_could_be_made_good() -> None:
    spot = vm("vm-4", Market.SPOT)
    limit = 1000 - 20 - (60 + 100)  # deadline, safety, the boot and the run of a second try
    in_time = decisions(ledger(LOST, spot), limit - 101)
    assert assigned(in_time)["a"] == ("vm-4", Reason.MIGRATED)
    too_late = decisions(ledger(LOST, spot), limit - 99)
    assert "a" not in assigned(too_late)
    assert any(isinstance(one, LaunchVm) and one.market is Market.ON_DEMAND for one in too_late)


def test_hads_waits_for_a_hibernated_vm_and_burst_hads_does_not() -> None:
    assert assigned(decisions(ledger(LOST, IDLE), 20, burst=False)) == {}
    assert assigned(decisions(ledger(LOST, IDLE), 20, burst=True)) == {"a": ("vm-2", Reason.MIGRATED)}


def test_hads_moves_them_at_the_latest_safe_time() -> None:
    books = ledger(LOST, deadline=1000)
    assert decisions(books, 20, burst=False) == []
    latest = books.safe_until
    assert latest is not None
    assert 20 < latest <= 1000 - 20 - 60 - 100, "safety, boot, and the task itself have to fit behind it"
    later = decisions(books, latest, burst=False)
    assert any(isinstance(one, LaunchVm) and one.market is Market.ON_DEMAND for one in later)


def test_a_frozen_attempt_stays_when_its_task_is_moved() -> None:
    books = ledger(LOST, IDLE)
    decisions(books, 20)
    assert [one.vm_id for one in books.tasks["a"].attempts if not one.state.ended] == ["vm-0", "vm-2"]


def test_an_idle_vm_steals_what_would_end_last() -> None:
    full = vm("vm-1", Market.SPOT, runs=["a", "b"], waiting=["c", "d", "e"])
    thief = vm("vm-2", Market.SPOT)
    stolen = assigned(decisions(ledger(full, thief), 20, burst=False))
    assert stolen["e"] == ("vm-2", Reason.STOLEN)
    assert "c" not in stolen, "it would end no sooner than where it is, behind what was stolen before"


def test_nothing_is_stolen_that_would_end_later() -> None:
    soon_free = vm("vm-1", Market.SPOT, runs=["a", "b"], waiting=["c"], ran=99.5)
    booting = vm("vm-2", Market.SPOT, state=VmState.BOOTING)
    assert assigned(decisions(ledger(soon_free, booting), 100, burst=False)) == {}


def test_what_a_vm_has_in_its_own_queue_is_taken_back_first() -> None:
    full = vm("vm-1", Market.SPOT, runs=["a", "b"], has_queued=["c"])
    actions = decisions(ledger(full, vm("vm-2", Market.SPOT)), 20, burst=False)
    assert [(one.vm_id, one.task_id) for one in actions if isinstance(one, StealTask)] == [("vm-1", "c")]
    assert "c" not in assigned(actions), "its VM may have started it: it is asked first"


def test_burstable_vms_steal_in_baseline_mode_and_only_what_takes_longer_elsewhere() -> None:
    one_slot = replace(MISSION, parallel=False)
    full = vm("vm-1", Market.SPOT, runs=["a"], waiting=["b", "c", "d", "e", "f"])
    books = ledger(full, vm("vm-2", kind=BURST, has_credits=10), deadline=3000, mission=one_slot)
    orders = [one for one in decisions(books, 20) if isinstance(one, AssignTask) and one.vm_id == "vm-2"]
    # 100 s at a fifth of the speed are 500: only the last of the queue ends later than that.
    assert [(one.task_id, one.cpu_share, one.reason) for one in orders] == [("f", BASELINE, Reason.STOLEN)]


def test_an_idle_vm_stays_until_its_cycle_ends_while_work_may_be_lost() -> None:
    at_risk = vm("vm-1", Market.SPOT, runs=["a"])
    books = ledger(at_risk, IDLE, deadline=5000)
    assert ended(decisions(books, 50, burst=False)) == {}
    assert books.wake_at == 900 - 60, "its cycle, less the idle slack"
    assert ended(decisions(books, 840, burst=False)) == {"vm-2": Reason.CYCLE_ENDS}


def test_without_work_that_may_be_lost_idle_vms_end_at_once() -> None:
    assert ended(decisions(ledger(WORKING, IDLE), 50, burst=False)) == {"vm-2": Reason.VM_IDLE}


def test_a_burstable_vm_stays_as_long_as_work_may_be_lost() -> None:
    books = ledger(vm("vm-1", Market.SPOT, runs=["a"], ran=0), BURSTABLE, deadline=5000)
    assert "vm-1" not in ended(decisions(books, 850))


@pytest.mark.parametrize(("elapsed", "too_late"), [(500.0, False), (975.0, True)])
def test_a_hibernated_vm_ends_when_it_could_end_nothing_any_more(elapsed: float, too_late: bool) -> None:
    done_elsewhere = vm("vm-3", runs=["b"], ran=elapsed)
    books = ledger(LOST, done_elsewhere)
    assert (ended(decisions(books, elapsed, burst=False)).get("vm-0") is Reason.TOO_LATE_TO_WAIT) is too_late
