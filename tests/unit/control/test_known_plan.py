"""A plan that was in time is kept where one that is made anew is late."""

from __future__ import annotations

import math
from dataclasses import replace

from airflow_provider_hads.control.actions import AssignTask
from airflow_provider_hads.control.backstop import Busy, find_backstop
from airflow_provider_hads.control.known_plan import known_backstop
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.mission import ENDING, Mission
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.model import Environment, Job, Market, Task
from airflow_provider_hads.model.run_state import Chain
from tests.support.fleets import MISSION, SMALL, ledger, vm

LENGTHS = {"a": 300.0, "b": 300.0, "c": 200.0, "d": 200.0, "e": 200.0}
"""In two slots, longest first, these take 700 s; two long ones beside three short ones take 600 s."""

BOTH_SLOTS = (
    Chain("vm-0", "small", True, ("a", "b"), 600.0),
    Chain("vm-0", "small", True, ("c", "d", "e"), 600.0),
)


def mission(most: int, vcpu_limit: int | None = None) -> Mission:
    """Return the mission of those tasks, with so many on-demand VMs at most."""
    tasks = {name: Task(name, "true", 100, {"small": seconds}) for name, seconds in LENGTHS.items()}
    kind = replace(SMALL, limits={Market.SPOT: 4, Market.ON_DEMAND: most})
    kinds = Environment({"small": kind}, dict.fromkeys(Market, 8))
    return replace(MISSION, job=Job("7", "anomaly", tasks), environment=kinds, vcpu_limit=vcpu_limit)


def with_a_vm(deadline: float = 1000.0) -> Ledger:
    """Return a run whose one on-demand VM has nothing to do yet, with the plan that is in time."""
    books = ledger(vm("vm-0", waiting=tuple(LENGTHS)), deadline=deadline, mission=mission(1))
    books.backstop = BOTH_SLOTS
    return books


def not_launched(vcpu_limit: int | None = None, spot: int = 1) -> Ledger:
    """Return a run in which the VM of the plan is to be launched, with so many spot VMs."""
    fleet = [vm("vm-1", Market.SPOT, waiting=tuple(LENGTHS)), vm("vm-2", Market.SPOT)]
    books = ledger(*fleet[:spot], mission=mission(1, vcpu_limit))
    books.backstop = tuple(replace(chain, vm_id="small#0", launched=False) for chain in BOTH_SLOTS)
    return books


def test_it_ends_earlier_than_the_longest_tasks_first() -> None:
    books = with_a_vm()
    assert find_backstop(books, 0.0).end == 700.0
    assert known_backstop(books, 0.0).end == 600.0
    assert known_backstop(books, 50.0).end == 650.0, "time has passed, and nothing was begun"


def test_what_is_in_hand_is_left_out_of_it() -> None:
    plan = known_backstop(with_a_vm(), 0.0, trial=Busy("vm-0", "a", 300.0))
    assert [chain.task_ids for chain in plan.chains] == [("b",), ("c", "d", "e")]
    assert plan.end == 600.0, "the longer chain goes where a slot is free first"
    assert known_backstop(with_a_vm(), 0.0, trial=Busy("vm-0", "c", 500.0)).end == 500.0 + 400.0


def test_it_is_none_any_more_without_its_vm_or_with_a_task_that_it_has_not() -> None:
    books = with_a_vm()
    assert known_backstop(books, 0.0, without="vm-0").end == math.inf
    books.backstop = BOTH_SLOTS[:1]
    assert known_backstop(books, 0.0).end == math.inf


def test_a_vm_that_is_to_be_launched_takes_its_boot() -> None:
    books = not_launched()
    assert known_backstop(books, 0.0).end == MISSION.boot + 600.0
    launched = known_backstop(books, 30.0, launching=SMALL)
    assert launched.end == 30.0 + MISSION.boot + 600.0
    assert all(chain.launched for chain in launched.chains)


def test_a_vm_for_which_the_limits_have_no_place_any_more_is_none() -> None:
    books = not_launched()
    books.put_vm(vm("vm-5")[0])
    assert known_backstop(books, 0.0).end == math.inf


def test_time_for_ending_spot_vms_is_kept_only_where_one_has_to_make_room() -> None:
    beside, instead = not_launched(vcpu_limit=4, spot=1), not_launched(vcpu_limit=4, spot=2)
    assert known_backstop(beside, 0.0).end == MISSION.boot + 600.0
    assert known_backstop(instead, 0.0).end == MISSION.boot + ENDING + 600.0


def test_the_guard_follows_it() -> None:
    """Only one of the long tasks may be begun: the other slot is for the short ones."""
    books = with_a_vm(deadline=600.0 + MISSION.safety)
    books.safe_until = 0.0
    orders = Orders(books, 0.0)
    guard = Guard(books, orders, 0.0)

    guard.fill()
    guard.act()

    assert [one.task_id for one in orders.issued if isinstance(one, AssignTask)] == ["a", "c"]
    assert known_backstop(books, 0.0).end == 600.0
