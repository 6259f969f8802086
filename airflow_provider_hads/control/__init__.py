"""The controller: observe, decide, act; here is the deciding, pure."""

from __future__ import annotations

from airflow_provider_hads.control.actions import (
    Action,
    AssignTask,
    CancelAttempt,
    DeployVm,
    LaunchVm,
    PublishResults,
    Reason,
    RenewLease,
    StealTask,
    TerminateVm,
)
from airflow_provider_hads.control.decide import decide
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.observation import (
    ActionResult,
    CreditBalance,
    Notice,
    NoticeKind,
    Observation,
    Silence,
)
from airflow_provider_hads.control.rules import Rules

__all__ = [
    "Action",
    "ActionResult",
    "AssignTask",
    "CancelAttempt",
    "CreditBalance",
    "DeployVm",
    "LaunchVm",
    "Mission",
    "Notice",
    "NoticeKind",
    "Observation",
    "PublishResults",
    "Reason",
    "RenewLease",
    "Rules",
    "Silence",
    "StealTask",
    "TerminateVm",
    "decide",
]
