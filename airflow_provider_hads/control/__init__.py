"""The controller: observe, decide, act; here is the deciding, pure."""

from __future__ import annotations

from airflow_provider_hads.control.actions import Action, DeployVm, PublishResults, Reason, RenewLease
from airflow_provider_hads.control.decide import decide
from airflow_provider_hads.control.observation import ActionResult, Observation, Silence
from airflow_provider_hads.control.rules import Rules

__all__ = [
    "Action",
    "ActionResult",
    "DeployVm",
    "Observation",
    "PublishResults",
    "Reason",
    "RenewLease",
    "Rules",
    "Silence",
    "decide",
]
