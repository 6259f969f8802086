"""The commands of ``airflow hads``."""

from __future__ import annotations
