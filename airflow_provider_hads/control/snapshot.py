"""The one document that tells everyone outside the controller how a run stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow_provider_hads.model.run_state import Attempt, Decision, RunState, TaskRecord, ToldSleep, VmRecord

__all__ = ["decision_document", "snapshot"]


def snapshot(state: RunState) -> dict[str, Any]:
    """Return a compact JSON-able summary of a run.

    It changes only when a VM or task changes its state, so that it need not be published at every step.
    """
    return {
        "started_at": state.started_at.isoformat(),
        "deadline": state.deadline,
        "deadline_missed": state.deadline_missed,
        "ended": state.ended,
        "vms": {vm.id: _vm(vm) for vm in state.vms.values()},
        "followers": {instance_id: _follower(sleep) for instance_id, sleep in state.followers.items()},
        "tasks": {task.id: _task(task) for task in state.tasks.values()},
        "miss": asdict(state.miss) if state.miss is not None else None,
        "decisions": [decision_document(one) for one in state.decisions],
        "decided": dict(state.decided),
    }


def _follower(sleep: ToldSleep) -> dict[str, Any]:
    return {"slept": sleep.seconds, "asleep_since": sleep.since, "first": sleep.first}


def _vm(vm: VmRecord) -> dict[str, Any]:
    return {
        "instance_id": vm.instance_id,
        "instance_type": vm.instance_type,
        "market": vm.market.value,
        "price": vm.price,
        "state": vm.state.value,
        "launched_at": vm.launched_at.isoformat() if vm.launched_at else None,
        "slept": round(vm.slept, 3),
        "asleep_since": vm.since if vm.state.asleep else None,
        "ended_asleep": vm.ended_asleep,
        "ended_at": vm.ended_at,
        "rebalance_at": vm.rebalance_at,
        "reason": vm.reason,
    }


def _task(task: TaskRecord) -> dict[str, Any]:
    return {
        "state": task.state.value,
        "reason": task.reason,
        "infrastructure": task.infrastructure,
        "attempts": [_attempt(attempt) for attempt in task.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "vm": attempt.vm_id,
        "reason": attempt.reason,
        "state": attempt.state.value,
        "exit_code": attempt.exit_code,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "ran": round(attempt.ran, 3) if attempt.ended_at is not None else None,
        "error": attempt.error,
    }


def decision_document(decision: Decision) -> dict[str, Any]:
    """Return a decision as everyone outside the controller reads it."""
    return {
        "at": decision.at,
        "action": decision.action,
        "vm": decision.vm_id,
        "attempt": decision.attempt_id,
        "reason": decision.reason,
    }
