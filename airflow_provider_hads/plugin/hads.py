"""The provider's plugin; what it will offer in the UI joins here."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_hads.deadline_reference import RunDeadline

__all__ = ["HadsPlugin"]


class HadsPlugin(AirflowPlugin):
    """Registers the provider under ``airflow plugins``, and what its deadline alerts refer to."""

    name = "hads"
    deadline_references: list[Any] = [RunDeadline]  # noqa: RUF012
