"""The policies: what decides about VMs and tasks, each by its name."""

from __future__ import annotations

from airflow_provider_hads.control.policies.registry import get_policy, policy_names

__all__ = ["get_policy", "policy_names"]
