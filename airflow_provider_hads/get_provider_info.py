"""What Airflow is told about this provider."""

from __future__ import annotations

from typing import Any

from airflow_provider_hads import __version__

__all__ = ["get_provider_info"]


def _option(description: str, kind: str, default: str | None, example: str | None = None) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata (entry point ``apache_airflow_provider``)."""
    package = "airflow_provider_hads"
    return {
        "package-name": "airflow-provider-hads",
        "name": "HADS",
        "description": "Hibernation-aware scheduling of Docker tasks with a deadline on spot, on-demand and "
        "burstable VMs.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "HADS",
                "external-doc-url": "https://github.com/luanteylo/hads_",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "HADS", "python-modules": [f"{package}.vm.pinned_hook"]}],
        "operators": [
            {
                "integration-name": "HADS",
                "python-modules": [f"{package}.operators.{name}" for name in _OPERATORS],
            }
        ],
        "sensors": [
            {"integration-name": "HADS", "python-modules": [f"{package}.sensors.{name}" for name in _SENSORS]}
        ],
        "triggers": [
            {
                "integration-name": "HADS",
                "python-modules": [f"{package}.triggers.{name}" for name in _TRIGGERS],
            },
        ],
        "plugins": [{"name": "hads", "plugin-class": f"{package}.plugin.hads.HadsPlugin"}],
        "cli": [f"{package}.cli.get_hads_cli_commands"],
        "config": {"hads": {"description": "Deadline-aware jobs on spot VMs.", "options": _OPTIONS}},
    }


_OPERATORS = (
    "open_run",
    "schedule",
    "provision",
    "deploy",
    "launched",
    "terminate",
    "report",
    "provision_vm",
    "docker_task",
    "migrate_tasks",
    "terminate_fleet",
    "reap",
)
_SENSORS = ("supervise", "alerting_supervise", "job_task", "spot_interruption")
_TRIGGERS = ("job_task", "vm_ready", "docker_task", "spot_interruption")
_OPTIONS = {
    "jobs_folder": _option(
        "Folder of job folders (job.json, env.json, ...); each becomes a DAG of the folder's name.",
        "string",
        "",
        "/opt/airflow/jobs",
    ),
    "aws_conn_id": _option("Airflow connection for EC2, S3 and prices.", "string", "aws_default"),
    "ssh_conn_id": _option("Airflow connection with the private key for VMs.", "string", "ssh_default"),
    "bucket": _option("Bucket of jobs whose setup.cfg names none.", "string", ""),
    "image_id": _option("AMI of jobs whose setup.cfg names none.", "string", ""),
    "instance_profile": _option("Instance profile of jobs whose setup.cfg names none.", "string", ""),
    "boot_timeout": _option(
        "Seconds from a VM's launch to its runner's first answer, 10 to 3600; later it is given up.",
        "float",
        "300",
    ),
    "margin": _option(
        "Seconds after the deadline until leases and spot requests end and the run gives up, 10 to 86400.",
        "float",
        "600",
    ),
    "ending_pause": _option(
        "Seconds between two looks for what a run still owns; it ends when two in a row find nothing. Longer "
        "than a spot request can take to launch once more.",
        "float",
        "10",
    ),
    "notifiers": _option(
        "Notifiers to be used when a run's deadline has come (deadline), can't be met (miss), or the run has "
        "ended (end): a JSON list of classpath, kwargs and events.",
        "string",
        "",
        '[{"classpath": "airflow.providers.smtp.notifications.smtp.SmtpNotifier", '
        '"kwargs": {"to": "me@example.com", "subject": "{{ hads.text }}"}, "events": ["miss", "end"]}]',
    ),
    "events_queue": _option(
        "Name or URL of an SQS queue with EC2's events from EventBridge; empty: VMs are only described.",
        "string",
        "",
        "hads-events",
    ),
}
