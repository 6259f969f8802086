"""The words of the domain: frozen dataclasses, no I/O, no clock."""

from __future__ import annotations

from airflow_provider_hads.model.environment import Burstable, Environment, InstanceType, Market
from airflow_provider_hads.model.identifiers import RunIdentity, is_safe_name, launch_token
from airflow_provider_hads.model.job import Job, Task
from airflow_provider_hads.model.plan import Placement, Plan, PlannedVm

__all__ = [
    "Burstable",
    "Environment",
    "InstanceType",
    "Job",
    "Market",
    "Placement",
    "Plan",
    "PlannedVm",
    "RunIdentity",
    "Task",
    "is_safe_name",
    "launch_token",
]
