"""The ``[hads]`` section of Airflow's configuration."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_hads.exceptions import InputError

__all__ = [
    "LONGEST_BOOT_TIMEOUT",
    "LONGEST_DEADLINE",
    "LONGEST_MARGIN",
    "SHORTEST_BOOT_TIMEOUT",
    "SHORTEST_MARGIN",
    "Configuration",
    "read_configuration",
]

SHORTEST_BOOT_TIMEOUT = 10
LONGEST_BOOT_TIMEOUT = 3600
SHORTEST_MARGIN = 10
LONGEST_MARGIN = 86400
LONGEST_DEADLINE = 10**9
"""Seconds. These are the bounds of the DAGs' params, too: no default may be refused by the trigger form."""

LONGEST_ENDING_PAUSE = 60.0
"""Seconds. A run must be able to end with it: it must be far shorter than the end may take."""


@dataclass(frozen=True)
class Configuration:
    """What a deployment says once for all jobs.

    :param jobs_folder: folder of job folders, one DAG each; empty for none.
    :param aws_conn_id: connection for EC2, S3 and prices.
    :param ssh_conn_id: connection with the private key for VMs.
    :param bucket: bucket of jobs whose ``setup.cfg`` names none.
    :param image_id: AMI of jobs whose ``setup.cfg`` names none.
    :param instance_profile: instance profile of jobs whose ``setup.cfg`` names none.
    :param boot_timeout: seconds from a VM's launch to its runner's first answer.
    :param margin: seconds after the deadline until leases end and the run gives up.
    :param ending_pause: seconds between two looks whether all that a run owned has ended.
    :param events_queue: name or URL of the SQS queue with EC2's events; empty for none.
    :param notifiers: JSON; see :func:`airflow_provider_hads.notifications.read_notifiers`.
    """

    jobs_folder: str
    aws_conn_id: str
    ssh_conn_id: str
    bucket: str
    image_id: str
    instance_profile: str
    boot_timeout: float
    margin: float
    ending_pause: float = 10.0
    events_queue: str = ""
    notifiers: str = ""


def read_configuration() -> Configuration:
    """Read the section, with the provider's defaults for what is not set.

    :raises InputError: a value can't be used.
    """
    from airflow.sdk.configuration import conf

    return Configuration(
        jobs_folder=conf.get("hads", "jobs_folder", fallback=""),
        aws_conn_id=conf.get("hads", "aws_conn_id", fallback="aws_default"),
        ssh_conn_id=conf.get("hads", "ssh_conn_id", fallback="ssh_default"),
        bucket=conf.get("hads", "bucket", fallback=""),
        image_id=conf.get("hads", "image_id", fallback=""),
        instance_profile=conf.get("hads", "instance_profile", fallback=""),
        boot_timeout=_seconds("boot_timeout", 300.0, SHORTEST_BOOT_TIMEOUT, LONGEST_BOOT_TIMEOUT),
        margin=_seconds("margin", 600.0, SHORTEST_MARGIN, LONGEST_MARGIN),
        ending_pause=_seconds("ending_pause", 10.0, 0.0, LONGEST_ENDING_PAUSE),
        events_queue=conf.get("hads", "events_queue", fallback=""),
        notifiers=conf.get("hads", "notifiers", fallback=""),
    )


def _seconds(option: str, default: float, least: float, most: float) -> float:
    """Return an option if it is within its bounds.

    :raises InputError: it is not.
    """
    from airflow.sdk.configuration import conf

    seconds: float = conf.getfloat("hads", option, fallback=default)
    if not least <= seconds <= most:
        problem = f"{seconds:g} is not from {least:g} to {most:g} seconds"
        raise InputError("airflow.cfg", f"hads.{option}", problem)
    return seconds
