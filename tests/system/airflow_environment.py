"""The environment variables of an Airflow of the tests' own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = str(Path(sys.executable).with_name("airflow"))


def base_environment(home: Path, dags_folder: Path, database_url: str) -> dict[str, str]:
    """Return this process's environment with the settings of an Airflow that lives in ``home``.

    :param home: becomes AIRFLOW_HOME.
    :param dags_folder: where its DAG files are.
    :param database_url: SQLAlchemy URL of the metadata database.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__HADS__JOBS_FOLDER": str(ROOT / "dags" / "jobs"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
    }


def as_settings(section: str, values: Mapping[str, object]) -> dict[str, str]:
    """Return settings of one section of ``airflow.cfg`` as environment variables."""
    return {f"AIRFLOW__{section.upper()}__{key.upper()}": str(value) for key, value in values.items()}
