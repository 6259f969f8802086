"""The provider's plugin; what it will offer in the UI joins here."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

__all__ = ["HadsPlugin"]


class HadsPlugin(AirflowPlugin):
    """Registers the provider under ``airflow plugins``."""

    name = "hads"
