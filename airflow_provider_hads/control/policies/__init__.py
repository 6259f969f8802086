"""The policies: what decides about VMs and tasks, each by its name."""

from __future__ import annotations

from airflow_provider_hads.control.policies.registry import (
    FOLLOW_PLAN,
    get_policy,
    policy_names,
    run_policy_names,
)

__all__ = ["FOLLOW_PLAN", "get_policy", "policy_names", "run_policy_names"]
