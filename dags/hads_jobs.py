"""One DAG for each job folder: those of ``[hads] jobs_folder``, or of ``jobs`` beside this file."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.dag_factory import build_job_dags

for dag in build_job_dags(read_configuration().jobs_folder or Path(__file__).parent / "jobs"):
    globals()[dag.dag_id] = dag
