"""``uniform-progress``: the rule of "Can't Be Late" (Wu et al., NSDI 2024), for bags of tasks as well."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Reason
from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.limits import allows, pauses_end
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.changeover import (
    ask_for_spot,
    change_over,
    is_safe_without,
    working_on_demand,
)
from airflow_provider_hads.control.policies.common import (
    can_run_any,
    drop_superseded,
    end_all,
    end_idle_spot,
    fill_spot,
    wake_by,
)
from airflow_provider_hads.control.policies.guard import Guard
from airflow_provider_hads.control.remaining import attempt_of, done_share
from airflow_provider_hads.model.environment import Market

__all__ = ["uniform_progress"]


LEAVING_BOOTS = 2.0
"""On-demand VMs are left when the work is so many changeovers ahead of the even pace."""


def uniform_progress(ledger: Ledger, orders: Orders, elapsed: float) -> None:
    """Keep to an even pace from the start to the deadline.

    Idle and behind the pace: on-demand. Spot is taken whenever there is some, also when behind. On-demand is
    left only when ahead of where the pace is two changeovers from now. Safety net: when the time left is
    under the work left plus two changeovers, on-demand to the end.
    """
    if ledger.ended:
        end_all(ledger, orders)
        return
    boot = ledger.terms.boot
    drop_superseded(ledger, orders)
    guard = Guard(ledger, orders, elapsed, reserve=boot)
    guard.fill()
    fill_spot(ledger, orders)
    guard.act()
    again = _take_spot(ledger, orders, elapsed)
    ahead = done_work(ledger, elapsed) * ledger.deadline - elapsed
    if ahead < 0:
        _catch_up(ledger, elapsed, guard)
    elif ledger.waiting:
        wake_by(ledger, elapsed + max(ahead, 1.0))
    wake_by(ledger, again)
    moved = ledger.terms.keeps_progress and _leave_on_demand(ledger, orders, elapsed, ahead)
    if not moved:
        end_idle_spot(ledger, orders)
    guard.end_idle()


def _leave_on_demand(ledger: Ledger, orders: Orders, elapsed: float, ahead: float) -> bool:
    """Leave on-demand VMs when far enough ahead: for spot if there is some, else for nothing.

    :param ahead: seconds by which the work done is ahead of the even pace.
    :return: whether work was moved to spot VMs.
    """
    # Not the guard's own limit: that may have given way, and what is left now has no way back in time then.
    limit = ledger.deadline - ledger.terms.safety - ledger.terms.boot
    working = working_on_demand(ledger, orders, elapsed)
    missing = LEAVING_BOOTS * ledger.terms.boot - ahead
    if not working:
        return False
    if missing > 0:
        wake_by(ledger, _ahead_at(ledger, elapsed, missing))
        return False
    wake_by(ledger, ask_for_spot(ledger, orders, elapsed, limit))
    if ledger.living[Market.SPOT]:
        return change_over(ledger, orders, elapsed, limit)
    for vm in working:
        # The pace is that of the whole work; one long task can be late all the same.
        if is_safe_without(ledger, vm, elapsed, limit):
            orders.terminate(vm, Reason.AHEAD_OF_EVEN_PACE)
            ledger.backstop, ledger.safe_until = (), None  # it is planned anew, without what was left
    return False


def _ahead_at(ledger: Ledger, elapsed: float, missing: float) -> float | None:
    """Return when the work will be further ahead of the pace by so many seconds, as it goes on now."""
    total = sum(max(task.runtimes.values()) for task in ledger.terms.order)
    running = sum(bool(ledger.work[vm_id]) for market in Market for vm_id in ledger.living[market])
    gain = running * ledger.deadline / total - 1 if total else 0.0
    return elapsed + max(missing / gain, 1.0) if gain > 0 else None


def done_work(ledger: Ledger, elapsed: float) -> float:
    """Return the share of the whole work that is done and kept, or under way."""
    total = done = 0.0
    for task in ledger.terms.order:
        seconds = max(task.runtimes.values())
        record = ledger.tasks[task.id]
        total += seconds
        if record.state.ended or task.id in ledger.unpublished:
            done += seconds
            continue
        shares = [
            done_share(ledger, ledger.vms[one.vm_id], task.id, attempt_of(ledger, task.id, one.id), elapsed)
            for one in record.attempts
            if not one.state.ended
        ]
        done += seconds * max([record.saved, *shares])
    return done / total if total else 1.0


def _take_spot(ledger: Ledger, orders: Orders, elapsed: float) -> float | None:
    """Ask for spot VMs for all that waits; return when to ask again."""
    starting = sum(
        ledger.terms.usual_slots(ledger.kind(vm))
        for vm_id in ledger.living[Market.SPOT]
        if (vm := ledger.vms[vm_id]).state.starting
    )
    wanted = len(ledger.waiting) - starting
    for kind in (one for one in ledger.terms.spot_types if can_run_any(ledger, one, ledger.waiting)):
        while wanted > 0 and allows(ledger, kind, Market.SPOT, elapsed):
            orders.launch(kind, Market.SPOT, Reason.SPOT_IS_BACK)
            wanted -= ledger.terms.usual_slots(kind)
    return pauses_end(ledger, elapsed) if wanted > 0 else None


def _catch_up(ledger: Ledger, elapsed: float, guard: Guard) -> None:
    """Launch on-demand VMs for all that waits; none that takes the place of one that the way out needs."""
    starting = sum(
        ledger.terms.usual_slots(ledger.kind(vm))
        for market in Market
        for vm_id in ledger.living[market]
        if (vm := ledger.vms[vm_id]).state.starting
    )
    wanted = len(ledger.waiting) - starting
    for kind in (one for one in ledger.terms.on_demand_types if can_run_any(ledger, one, ledger.waiting)):
        while wanted > 0 and allows(ledger, kind, Market.ON_DEMAND, elapsed) and guard.allows_launch(kind):
            guard.launch(kind, Reason.BEHIND_EVEN_PACE)
            wanted -= ledger.terms.usual_slots(kind)
