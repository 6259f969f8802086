"""Every key of ``setup.cfg``: how it is read, or why it has no effect."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_hads.control.policies import run_policy_names
from airflow_provider_hads.inputs.settings_values import (
    Converter,
    absolute_path,
    list_of,
    number,
    text,
    text_like,
    whole_number,
    yes_or_no,
)
from airflow_provider_hads.model.settings import LONGEST_ALLOCATION_CYCLE
from airflow_provider_hads.planning.registry import planner_names

__all__ = ["HONOURED", "PLANNER_ALIASES", "UNUSED", "known_keys"]

PLANNER_ALIASES: Mapping[str, str] = {"ipdps": "ils"}
"""The original's planner names that are called otherwise here."""


def _planner(value: str) -> str:
    """Take the name of a planner, also of one that is not available yet: a given map needs none."""
    name = PLANNER_ALIASES.get(value.lower(), value.lower())
    known = planner_names()
    if name not in known:
        raise ValueError(f"a planner: {', '.join(known)} or ipdps (the same as ils)")
    return name


def _policy(value: str) -> str:
    """Take the name of a policy."""
    name, known = value.lower(), run_policy_names()
    if name not in known:
        raise ValueError(f"a policy: {', '.join(known)}")
    return name


def _s3(value: str) -> str:
    if value.lower() != "s3":
        raise ValueError("s3: results are kept in a bucket; ebs and efs are not supported")
    return "s3"


def _work_dir(value: str) -> str:
    """Take a folder of a container that another one can be mounted as."""
    path = absolute_path(value)
    if not path.strip("/"):
        raise ValueError("another folder than /, which Docker mounts nothing as; such as /work")
    return path


def _tag_key(value: str) -> str:
    lowered = value.lower()
    if lowered == "name" or lowered.startswith(("aws:", "hads:")) or len(value) > 128:
        raise ValueError("a tag key of at most 128 characters, not 'Name', 'aws:...' or 'hads:...'")
    return value


_ZONE = text_like(
    r"[a-z]{2,}(-[a-z]+)+-[0-9]+(-[a-z]+-[0-9]+)?[a-z]", "an availability zone such as us-east-1a"
)
_FILE = text_like(r"[^\0]*[^/\0]", "the name of a file")
_USER = text_like(r"[a-z_][a-z0-9_-]{0,31}", "a Linux user name")
_PART = r"[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*"
_REGISTRY = r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE = rf"({_REGISTRY}/)?{_PART}(/{_PART})*(:{_TAG})?(@{_DIGEST})?"
"""What Docker takes for the name of an image."""
_SECONDS = number()
_SOME_SECONDS = number(above=True)

HONOURED: Mapping[str, Mapping[str, Converter]] = {
    "ec2": {
        "region": text_like(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", "a region such as us-east-1"),
        "zone": _ZONE,
        "zones": list_of(_ZONE, "availability zones such as us-east-1a, us-east-1b"),
        "image_id": text_like(r"ami-[A-Za-z0-9]+", "the id of an AMI, ami-..."),
        "security_group": text,
        "security_vpc_group": text,
        "subnet_id": text_like(r"subnet-[A-Za-z0-9]+", "the id of a subnet, subnet-..."),
        "key_name": text,
        "tag_key": _tag_key,
        "tag_value": text_like(r".{0,256}", "at most 256 characters"),
        "bucket_name": text_like(
            r"(?!.*\.\.)(?![0-9.]+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            "a bucket name: 3 to 63 lower-case letters, digits, single '.' and '-', and no IP address",
        ),
        "vm_user": _USER,
        "instance_profile": text_like(r"[\w+=,.@-]{1,128}", "the name (not the ARN) of an instance profile"),
        "boot_overhead": _SECONDS,
        "hibernation_overhead": _SECONDS,
        "vcpu_limits": whole_number(least=1),
    },
    "input": {
        "path": text,
        "job_file": _FILE,
        "env_file": _FILE,
        "map_file": _FILE,
        "deadline_seconds": _SOME_SECONDS,
        "ac_size_seconds": number(most=LONGEST_ALLOCATION_CYCLE, above=True),
        "idle_slack_time": _SECONDS,
    },
    "application": {"app_local_path": text},
    "communication": {
        "key_path": text,
        "key_file": _FILE,
        "user": _USER,
        "ssh_port": whole_number(least=1, most=65535),
        "repeat": whole_number(least=1, most=1000),
        "connection_timeout": number(above=True, most=3600),
        "retry_interval": number(most=3600),
    },
    "docker": {
        "docker_image": text_like(_IMAGE, "the name of a Docker image, such as synthetic:1"),
        "work_dir": _work_dir,
    },
    "file_system": {"type": _s3},
    "scheduler": {
        "name": _planner,
        "policy": _policy,
        "reaction": _SECONDS,
        "burstable_factor": number(most=1),
        "alpha": number(most=1),
        "max_iteration": whole_number(least=1),
        "status_update_time": number(above=True, most=3600),
        "allow_parallel_execution": yes_or_no,
    },
    "checkpoint": {
        "with_checkpoint": yes_or_no,
        "period": _SOME_SECONDS,
        "overhead_factor": _SECONDS,
    },
}
"""How the keys that have an effect are read; each is a field of the section's settings."""

_CREDENTIALS = "credentials are not taken from files; put them into the Airflow connection"
_S3_MOUNT = "no bucket is mounted on a VM: its runner uploads the results"
_DAEMON = "there is no daemon to copy to a VM: its runner is part of this provider"
_DATABASE = "a run's state is kept in Airflow's own database; configure it in airflow.cfg"
_LOGGING = "each task logs to its Airflow task log; configure it in airflow.cfg, section logging"
_DISK = "results are kept in a bucket, not on a disk of their own"
_MAIL = "no mail is sent from here; set a notifier or on_failure_callback in Airflow"
_SIMULATION = "a run has real VMs; use the interruption parameters of the local cloud to try interruptions"

UNUSED: Mapping[str, Mapping[str, str]] = {
    "ec2": {
        "aws_access_key": _CREDENTIALS,
        "aws_access_key_id": _CREDENTIALS,
        "vm_uid": _S3_MOUNT,
        "vm_gid": _S3_MOUNT,
        "fs_dns": "results are kept in a bucket, not in EFS",
        "home_path": _DAEMON,
    },
    "application": {"daemon_path": _DAEMON, "daemon_file": _DAEMON},
    "database": {
        "host": _DATABASE,
        "database_name": _DATABASE,
        "dump_dir": _DATABASE,
        "with_dump": _DATABASE,
        "user": _CREDENTIALS,
        "password": _CREDENTIALS,
    },
    "communication": {"socket_port": "VMs are reached over SSH only; no other port is opened"},
    "logging": {"path": _LOGGING, "log_file": _LOGGING, "level": _LOGGING},
    "simulation": {
        "with_simulation": _SIMULATION,
        "revocation_rate": _SIMULATION,
        "resume_rate": _SIMULATION,
        "sim_type": _SIMULATION,
    },
    "file_system": {
        "path": "the runner has a folder of its own on each VM, /var/lib/hads",
        "device": _DISK,
        "size": _DISK,
        "ebs_delete": "results are kept in a bucket, and disks are deleted with their VMs in any case",
    },
    "scheduler": {"path": "planners are part of this provider; choose one by name"},
    "checkpoint": {"formulation": "checkpoints are not taken yet"},
    "notify": {"src_mail": _MAIL, "dest_mail": _MAIL, "pwd_mail": _CREDENTIALS},
    "debug": {
        "debug_mode": "nothing waits for a key press; set Airflow's logging level to DEBUG to see more"
    },
}
"""Why the other keys of the original have no effect, and what to use instead."""


def known_keys() -> dict[str, list[str]]:
    """Return all sections, and the keys of each."""
    sections = [*HONOURED, *(section for section in UNUSED if section not in HONOURED)]
    return {section: [*HONOURED.get(section, {}), *UNUSED.get(section, {})] for section in sections}
