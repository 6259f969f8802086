"""A task that is placed while its VM's tasks are moved to another VM: neither lost nor run twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from airflow_provider_hads.exceptions import VmUnreachable
from airflow_provider_hads.model.runner import Exchange
from airflow_provider_hads.runtime.blocks.migration import migrate
from airflow_provider_hads.runtime.blocks.placing import DockerTask, place
from tests.support.small_block_run import SAFE, SPOT, SmallBlockRun, in_turns

TASK = DockerTask("t", "true", "synthetic", "/work", 64.0, {}, position=0)
MOST_REQUESTS = 16
"""More than either makes of its own."""


def run_in_turns(turns: Sequence[bool], prepare: Callable[[SmallBlockRun], object]) -> SmallBlockRun:
    """Place a task on the spot VM while its tasks move to the safe one."""
    runs: list[SmallBlockRun] = []

    def make(before: Callable[[], None]) -> tuple[Callable[[], object], Callable[[], object]]:
        run = SmallBlockRun(before)
        runs.append(run)
        prepare(run)
        return (lambda: place(run.toolbox, TASK, SPOT)), (lambda: migrate(run.toolbox, SPOT, SAFE))

    in_turns(make, turns)
    return runs[0]


def nothing(_: SmallBlockRun) -> None:
    """Let the task be placed for the first time, on a VM that answers."""


def asleep(run: SmallBlockRun) -> None:
    """Let the spot VM be hibernated."""
    run.hibernate(SPOT)


def placed(run: SmallBlockRun) -> None:
    """Let an earlier try have placed the task."""
    place(run.toolbox, TASK, SPOT)


def placed_and_asleep(run: SmallBlockRun) -> None:
    """Let an earlier try have placed the task on a VM that is hibernated by now."""
    placed(run)
    asleep(run)


def ticket_only(run: SmallBlockRun) -> None:
    """Let an earlier try have been killed when it had written its ticket."""
    run.tickets.write("t", SPOT, lambda attempt_id: TASK.order(attempt_id, SPOT, ()))


def begun_there(run: SmallBlockRun) -> list[str]:
    """Return what goes on of the task on the safe VM, and is neither lost nor on the spot VM too."""
    latest = run.tickets.latest("t")
    assert latest is not None
    assert latest.vm == SAFE, "its ticket names a VM that was left"
    assert run.at_work(SAFE) == [latest.order.attempt_id]
    return run.at_work(SPOT)


BEGINNINGS = [nothing, asleep, placed, ticket_only]


def whole_in_between() -> list[tuple[bool, ...]]:
    """Return the turns in which one of both does all in between two requests of the other."""
    return [
        (is_first,) * before + (not is_first,) * MOST_REQUESTS
        for is_first in (True, False)
        for before in range(MOST_REQUESTS)
    ]


def by_chance() -> list[tuple[bool, ...]]:
    """Return turns by a seed."""
    chance = random.Random(1)
    return [tuple(chance.random() < 0.5 for _ in range(2 * MOST_REQUESTS)) for _ in range(150)]


@pytest.mark.parametrize("prepare", BEGINNINGS)
@pytest.mark.parametrize("turns", [whole_in_between, by_chance])
def test_whoever_is_quicker_it_goes_on_on_the_other_vm_and_nowhere_else(
    turns: Callable[[], list[tuple[bool, ...]]], prepare: Callable[[SmallBlockRun], object]
) -> None:
    for one in turns():
        assert begun_there(run_in_turns(one, prepare)) == [], one


def test_on_a_hibernated_vm_it_may_go_on_when_that_resumes_but_it_is_moved() -> None:
    for turns in whole_in_between():
        assert begun_there(run_in_turns(turns, placed_and_asleep)) == ["t.1"], turns


def free() -> SmallBlockRun:
    """Return a run in which nobody waits for anybody."""
    return SmallBlockRun(lambda: None)


def test_an_attempt_that_a_killed_try_has_left_with_a_vm_that_was_left_goes_to_the_other_one() -> None:
    run = free()
    migrate(run.toolbox, SPOT, SAFE)
    ticket_only(run)
    run.hibernate(SPOT)

    assert place(run.toolbox, TASK, SPOT).vm == SAFE
    assert run.at_work(SAFE) == ["t.2"]


def test_what_goes_on_on_a_vm_that_was_left_is_not_placed_anew() -> None:
    run = free()
    first = place(run.toolbox, TASK, SPOT)
    run.tickets.hand_over(SPOT, SAFE)

    assert place(run.toolbox, TASK, SPOT) == first
    assert (run.at_work(SPOT), run.at_work(SAFE)) == (["t.1"], [])


def test_of_two_who_see_an_attempt_lost_one_only_writes_the_next() -> None:
    run = free()
    written = [
        run.tickets.write("t", vm, lambda attempt_id: TASK.order(attempt_id, SPOT, ()), after=1)
        for vm in (SAFE, SPOT)
    ]

    assert [ticket.vm for ticket in written] == [SAFE, SAFE]
    assert [ticket.number for ticket in written] == [2, 2]


def test_what_somebody_else_has_moved_to_a_third_vm_is_left_there(monkeypatch: pytest.MonkeyPatch) -> None:
    run = free()
    first = place(run.toolbox, TASK, SPOT)
    monkeypatch.setattr(run.tickets, "all_latest", lambda: [first])
    run.tickets.write("t", SPOT, lambda attempt_id: TASK.order(attempt_id, SPOT, ()), after=1)

    assert migrate(run.toolbox, SPOT, SAFE) == ()
    assert run.at_work(SAFE) == []


def test_vms_that_are_left_for_each_other_do_not_keep_a_task_waiting() -> None:
    run = free()
    bucket, key = run.toolbox.bucket, run.toolbox.layout.successor(SPOT.instance_id)
    run.tickets.hand_over(SPOT, SAFE)
    spot_is_left = bucket.get(key)
    run.tickets.hand_over(SAFE, SPOT)
    bucket.put(key, spot_is_left)  # as if both had been written at the same time

    ticket = place(run.toolbox, TASK, SPOT)

    assert run.at_work(ticket.vm) == [ticket.order.attempt_id]


def test_a_vm_that_is_gone_says_so() -> None:
    run = free()
    run.toolbox.fleet.describe = lambda: ()

    with pytest.raises(VmUnreachable, match="spot is not there"):
        place(run.toolbox, TASK, SPOT)


def test_the_vms_of_these_tests_drop_what_they_were_told_to_before_it_came() -> None:
    run = free()
    instance = run.toolbox.fleet.describe()[0]
    run.toolbox.gateway.exchange(instance, Exchange(epoch=0, cancel=("t.1",)), timeout=1)

    place(run.toolbox, TASK, SPOT)

    assert run.at_work(SPOT) == []
