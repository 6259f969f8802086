"""The policies by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from airflow_provider_hads.control.ledger import Ledger
from airflow_provider_hads.control.orders import Orders
from airflow_provider_hads.control.policies.adaptive import adaptive
from airflow_provider_hads.control.policies.on_demand_only import on_demand_only
from airflow_provider_hads.control.policies.published.policy import burst_hads, hads
from airflow_provider_hads.control.policies.uniform_progress import uniform_progress

__all__ = ["FOLLOW_PLAN", "Policy", "get_policy", "policy_names", "run_policy_names"]

FOLLOW_PLAN = "follow-plan"
"""A run without a policy: its plan is followed to the letter, and tasks of a VM that is lost fail."""

Policy: TypeAlias = Callable[[Ledger, Orders, float], None]
"""Decides what is to be done: called when something has changed, or when it asked to be woken."""

_POLICIES: Mapping[str, Policy] = {
    "adaptive": adaptive,
    "burst-hads": burst_hads,
    "hads": hads,
    "on-demand-only": on_demand_only,
    "uniform-progress": uniform_progress,
}


def get_policy(name: str) -> Policy:
    """Return the policy of that name.

    :raises KeyError: there is none; see :func:`policy_names`.
    """
    return _POLICIES[name]


def policy_names() -> list[str]:
    """Return the names of all policies."""
    return list(_POLICIES)


def run_policy_names() -> list[str]:
    """Return what a run can be told to go by: a policy, or its plan to the letter."""
    return [*policy_names(), FOLLOW_PLAN]
