"""What ``setup.cfg`` says, section by section, with the defaults of a job that has none."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "LONGEST_ALLOCATION_CYCLE",
    "LONGEST_LOOK_INTERVAL",
    "ApplicationSettings",
    "CheckpointSettings",
    "CommunicationSettings",
    "DockerSettings",
    "Ec2Settings",
    "FileSystemSettings",
    "InputSettings",
    "SchedulerSettings",
    "Settings",
]

LONGEST_LOOK_INTERVAL = 60.0
"""Most seconds between two looks at a VM: what is seen later is published, renewed and made good too late."""

LONGEST_ALLOCATION_CYCLE = 86400
"""Seconds."""


@dataclass(frozen=True)
class Ec2Settings:
    """Section ``[ec2]``.

    :param region: overrides the region of the AWS connection.
    :param zone: availability zone to launch in; EC2 chooses where it is None.
    :param zones: availability zones over which the controller spreads VMs, away from those that have just
        lost some.
    :param image_id: the AMI; None takes ``[hads] image_id`` of the Airflow configuration.
    :param security_group: name of a security group (EC2-Classic or default VPC).
    :param security_vpc_group: id of a security group of the VPC.
    :param subnet_id: subnet to launch in.
    :param key_name: EC2 key pair to install beside the key of the SSH connection.
    :param tag_key: an additional tag for all that a run launches.
    :param bucket_name: bucket of inputs and results; None takes ``[hads] bucket``.
    :param vm_user: user to log in as (also ``user`` in section ``[communication]``); it is created where the
        AMI has none of that name.
    :param instance_profile: name of the instance profile that gives VMs access to the bucket.
    :param boot_overhead: seconds from the launch to the first task, as planned with.
    :param hibernation_overhead: seconds from a resume to the first tick of its tasks, as planned with.
    :param vcpu_limits: most vCPUs of a run at once; None is no limit.
    """

    region: str | None = None
    zone: str | None = None
    zones: tuple[str, ...] = ()
    image_id: str | None = None
    security_group: str | None = None
    security_vpc_group: str | None = None
    subnet_id: str | None = None
    key_name: str | None = None
    tag_key: str | None = None
    tag_value: str | None = None
    bucket_name: str | None = None
    vm_user: str = "ubuntu"
    instance_profile: str | None = None
    boot_overhead: float = 180.0
    hibernation_overhead: float = 60.0
    vcpu_limits: int | None = None


@dataclass(frozen=True)
class InputSettings:
    """Section ``[input]``.

    :param path: folder of the job's files; None is the folder of ``setup.cfg``.
    :param deadline_seconds: seconds from the run's start.
    :param ac_size_seconds: length of an allocation cycle, seconds.
    :param idle_slack_time: an idle VM ends this many seconds before its allocation cycle does.
    """

    path: str | None = None
    job_file: str = "job.json"
    env_file: str = "env.json"
    map_file: str = "map.json"
    deadline_seconds: float | None = None
    ac_size_seconds: float = 900.0
    idle_slack_time: float = 60.0


@dataclass(frozen=True)
class ApplicationSettings:
    """Section ``[application]``.

    :param app_local_path: folder with ``<task id>/data/`` for each task that needs files; None is the folder
        ``app`` beside ``job.json``, where there is one.
    """

    app_local_path: str | None = None


@dataclass(frozen=True)
class CommunicationSettings:
    """Section ``[communication]``: SSH.

    :param key_path: folder of the private key file; with ``key_file`` it replaces the SSH connection.
    :param user: another name for ``vm_user`` of section ``[ec2]``.
    :param repeat: tries of one connection.
    :param connection_timeout: seconds for one try.
    :param retry_interval: seconds between tries.
    """

    key_path: str | None = None
    key_file: str | None = None
    user: str | None = None
    ssh_port: int = 22
    repeat: int = 3
    connection_timeout: float = 10.0
    retry_interval: float = 3.0


@dataclass(frozen=True)
class DockerSettings:
    """Section ``[docker]``.

    :param docker_image: image of every task's container.
    :param work_dir: the container's work folder, where the task's files are and its results are left.
    """

    docker_image: str = "synthetic"
    work_dir: str = "/work"


@dataclass(frozen=True)
class FileSystemSettings:
    """Section ``[file_system]``.

    :param type: where results are kept; ``s3`` is the one supported.
    """

    type: str = "s3"


@dataclass(frozen=True)
class SchedulerSettings:
    """Section ``[scheduler]``.

    :param name: planner.
    :param policy: who decides while the run goes on.
    :param reaction: seconds until a loss is noticed and answered, a controller's outage included; plans and
        decisions leave them.
    :param status_update_time: seconds between two looks at the fleet, as given; see :attr:`look_interval`.
    :param allow_parallel_execution: one task a core at a time, or one task a VM.
    """

    name: str = "packing"
    policy: str = "adaptive"
    reaction: float = 90.0
    burstable_factor: float = 0.2
    alpha: float = 0.5
    max_iteration: int = 200
    status_update_time: float = 5.0
    allow_parallel_execution: bool = True

    @property
    def look_interval(self) -> float:
        """Seconds between two looks at the fleet and at each VM.

        In the original ``status_update_time`` is only how often a table is written, and its files have 3600.
        """
        return min(self.status_update_time, LONGEST_LOOK_INTERVAL)


@dataclass(frozen=True)
class CheckpointSettings:
    """Section ``[checkpoint]``."""

    with_checkpoint: bool = False
    period: float | None = None
    overhead_factor: float | None = None


@dataclass(frozen=True)
class Settings:
    """A job's whole ``setup.cfg``.

    :param notes: what was read but has no effect, and why; one line each, for the user.
    """

    ec2: Ec2Settings = field(default_factory=Ec2Settings)
    input: InputSettings = field(default_factory=InputSettings)
    application: ApplicationSettings = field(default_factory=ApplicationSettings)
    communication: CommunicationSettings = field(default_factory=CommunicationSettings)
    docker: DockerSettings = field(default_factory=DockerSettings)
    file_system: FileSystemSettings = field(default_factory=FileSystemSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    notes: tuple[str, ...] = ()
