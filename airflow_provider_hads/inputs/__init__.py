"""A job's files: read, checked, and turned into the words of :mod:`airflow_provider_hads.model`."""

from __future__ import annotations

from airflow_provider_hads.inputs.application_files import ApplicationFile, find_application_files
from airflow_provider_hads.inputs.environment_file import parse_environment
from airflow_provider_hads.inputs.folder import JobInputs, load_job_folder
from airflow_provider_hads.inputs.job_file import parse_job
from airflow_provider_hads.inputs.map_file import parse_map, plan_to_map
from airflow_provider_hads.inputs.settings_file import parse_settings
from airflow_provider_hads.inputs.settings_json import settings_from_json, settings_to_json

__all__ = [
    "ApplicationFile",
    "JobInputs",
    "find_application_files",
    "load_job_folder",
    "parse_environment",
    "parse_job",
    "parse_map",
    "parse_settings",
    "plan_to_map",
    "settings_from_json",
    "settings_to_json",
]
