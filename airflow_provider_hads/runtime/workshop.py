"""What a task of a run's DAG works with, made when it is first asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_hads.configuration import read_configuration
from airflow_provider_hads.control.mission import Mission
from airflow_provider_hads.control.policies import FOLLOW_PLAN
from airflow_provider_hads.control.snapshot import decision_document
from airflow_provider_hads.control.zones import first_zone
from airflow_provider_hads.exceptions import CloudError, HadsError
from airflow_provider_hads.model.environment import Environment
from airflow_provider_hads.model.fleet import LaunchOrder
from airflow_provider_hads.model.job import Job, Task
from airflow_provider_hads.model.plan import Plan
from airflow_provider_hads.model.run_state import Decision, VmRecord
from airflow_provider_hads.model.settings import Ec2Settings, Settings
from airflow_provider_hads.runtime.connecting import connect_fleet, vm_view_of_aws
from airflow_provider_hads.runtime.market_prices import with_prices
from airflow_provider_hads.runtime.orders import OrderBook, slots_of
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.runtime.run_vms import RunVms
from airflow_provider_hads.storage.bucket import Bucket
from airflow_provider_hads.storage.decisions import KeptDecisions
from airflow_provider_hads.storage.layout import RunLayout
from airflow_provider_hads.storage.results import Results
from airflow_provider_hads.vm.messages import RunnerConfig

if TYPE_CHECKING:
    from airflow_provider_hads.cloud.credits import CloudWatchCredits
    from airflow_provider_hads.cloud.event_queue import SqsEvents
    from airflow_provider_hads.cloud.fleet import Ec2Fleet
    from airflow_provider_hads.vm.connection import SshAccess

__all__ = ["RunInputs", "Workshop"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunInputs:
    """A run's own copy of its job's files.

    :param plan: the given map; None where there is none.
    """

    job: Job
    environment: Environment
    plan: Plan | None
    settings: Settings


class Workshop:
    """Everything a run's task needs, by the connections it was given.

    :param run: the run.
    :param aws_conn_id: connection for EC2, S3 and prices.
    :param ssh_conn_id: connection with the private key for the VMs; only a task that launches or speaks
        to VMs needs it.
    """

    def __init__(self, run: RunContext, aws_conn_id: str, ssh_conn_id: str | None = None) -> None:
        self.run = run
        self.layout = RunLayout(run.identity.name)
        self._aws_conn_id = aws_conn_id
        self._ssh_conn_id = ssh_conn_id

    @cached_property
    def bucket(self) -> Bucket:
        """The run's bucket."""
        return Bucket.connect(self._aws_conn_id, self.run.identity.bucket, self.run.region or None)

    @cached_property
    def inputs(self) -> RunInputs:
        """The run's own copy of the job's files.

        :raises StorageError: the copy is missing or was changed.
        """
        from airflow_provider_hads.inputs import (
            parse_environment,
            parse_job,
            parse_map,
            settings_from_json,
        )
        from airflow_provider_hads.runtime.opening import SETTINGS_COPY
        from airflow_provider_hads.storage.inputs import read_inputs

        texts = {name: content.decode() for name, content in read_inputs(self.bucket, self.layout).items()}
        job = parse_job(texts["job.json"], "job.json")
        environment = parse_environment(texts["env.json"], "env.json")
        plan = None
        if "map.json" in texts:
            plan = parse_map(texts["map.json"], "map.json", job, environment, deadline=self.run.deadline)
        return RunInputs(job, environment, plan, settings_from_json(texts[SETTINGS_COPY], SETTINGS_COPY))

    @cached_property
    def results(self) -> Results:
        """The run's results."""
        return Results(self.bucket, self.layout)

    @cached_property
    def fleet(self) -> Ec2Fleet:
        """The run's VMs as the cloud sees them."""
        access = self.ssh_access if self._ssh_conn_id is not None else None
        return connect_fleet(self._aws_conn_id, self.run.identity, self.inputs.settings.ec2, access)

    @cached_property
    def fleet_to_end(self) -> Ec2Fleet:
        """The run's VMs, to be looked at and ended only: for that the run's settings need not be readable."""
        settings = Ec2Settings(region=self.run.region or None)
        return connect_fleet(self._aws_conn_id, self.run.identity, settings, None)

    @cached_property
    def events(self) -> SqsEvents | None:
        """EC2's events, where a queue of them is configured and can be read; without it, a look tells."""
        from airflow_provider_hads.cloud.event_queue import SqsEvents

        queue = read_configuration().events_queue
        if not queue:
            return None
        try:
            return SqsEvents.connect(self._aws_conn_id, queue, self.run.region or None)
        except CloudError as error:
            log.warning("[hads] events_queue can't be used; interruptions are seen by looking: %s", error)
            return None

    @cached_property
    def cpu_credits(self) -> CloudWatchCredits | None:
        """The CPU credits of the run's VMs, where one of its types earns any."""
        from airflow_provider_hads.cloud.credits import CloudWatchCredits

        if not any(one.burstable for one in self.inputs.environment.instance_types.values()):
            return None
        return CloudWatchCredits.connect(self._aws_conn_id, self.inputs.settings.ec2.region)

    @cached_property
    def ssh_access(self) -> SshAccess:
        """How to log in to the run's VMs."""
        from airflow_provider_hads.vm.connection import SshAccess

        if self._ssh_conn_id is None:
            raise HadsError("This task has no SSH connection: it was made without ssh_conn_id.")
        return SshAccess.from_settings(self.inputs.settings, self._ssh_conn_id)

    @cached_property
    def vms(self) -> RunVms:
        """The way to the runners on the VMs."""
        from airflow_provider_hads.vm.gateway import VmGateway

        configs = self._runner_configs()
        return RunVms(VmGateway(self.ssh_access), configs)

    def _runner_configs(self) -> dict[str, RunnerConfig]:
        region, endpoint = vm_view_of_aws(self._aws_conn_id, self.inputs.settings.ec2.region)
        settings = self.inputs.settings
        return {
            name: RunnerConfig(
                prefix=self.layout.run,
                bucket=self.bucket.name,
                region=region,
                endpoint=endpoint,
                slots=slots_of(instance_type, settings),
                memory=instance_type.memory,
            )
            for name, instance_type in self.inputs.environment.instance_types.items()
        }

    @cached_property
    def orders(self) -> OrderBook:
        """Writes the orders for the VMs' queues."""
        from airflow_provider_hads.storage.inputs import read_staged_files

        return OrderBook(
            job=self.inputs.job,
            instance_types=self.inputs.environment.instance_types,
            settings=self.inputs.settings,
            files=read_staged_files(self.bucket, self.layout),
            generation=self.run.generation,
        )

    @cached_property
    def finished_task_ids(self) -> frozenset[str]:
        """The tasks whose results were published before the run was cleared; none in its first generation."""
        if self.run.generation == 0:
            return frozenset()
        return frozenset(self.results.published(list(self.inputs.job.tasks)))

    def open_tasks(self) -> dict[str, Task]:
        """Return the tasks that are still to be done."""
        done = self.finished_task_ids
        return {task_id: task for task_id, task in self.inputs.job.tasks.items() if task_id not in done}

    def launch_order(self, vm: VmRecord) -> LaunchOrder:
        """Return the order to launch a VM of the plan."""
        instance_type = self.inputs.environment.instance_types[vm.instance_type]
        zones = self.inputs.settings.ec2.zones
        return LaunchOrder(
            run=self.run.identity,
            vm_id=vm.id,
            sequence=vm.sequence,
            generation=self.run.generation,
            instance_type=vm.instance_type,
            memory=instance_type.memory,
            market=vm.market,
            burstable=instance_type.burstable is not None,
            expires_at=self.run.expires_at,
            zone=(vm.zone or first_zone(zones, vm.sequence)) if zones else "",
        )

    def mission(self, policy: str, figures: Mapping[str, Any], cycle: float | None = None) -> Mission | None:
        """Return what the controller is to achieve; None where the plan is followed to the letter.

        :param policy: who decides.
        :param figures: what ``schedule`` handed on: the prices that it has found are decided by.
        :param cycle: seconds of an allocation cycle; None takes the job's.
        """
        if policy == FOLLOW_PLAN:
            return None
        settings = self.inputs.settings
        return Mission(
            job=self.inputs.job,
            environment=with_prices(self.inputs.environment, figures.get("market_prices", {})),
            policy=policy,
            boot=settings.ec2.boot_overhead,
            reaction=settings.scheduler.reaction,
            parallel=settings.scheduler.allow_parallel_execution,
            vcpu_limit=settings.ec2.vcpu_limits,
            generation=self.run.generation,
            cycle=settings.input.ac_size_seconds if cycle is None else cycle,
            idle_slack=settings.input.idle_slack_time,
            zones=settings.ec2.zones,
        )

    def refresh_prices(self) -> tuple[Environment, tuple[str, ...]]:
        """Return the environment at today's prices, and a line for each reason why one is not today's."""
        from airflow_provider_hads.cloud.pricing import refresh_prices

        ec2 = self.inputs.settings.ec2
        now = datetime.now(timezone.utc)
        return refresh_prices(self.inputs.environment, self._aws_conn_id, ec2.region, ec2.zone, now)

    @cached_property
    def decisions(self) -> KeptDecisions:
        """The decisions that are kept beside the controller's state."""
        return KeptDecisions(self.bucket, self.layout, self.run.generation)

    def keep_decisions(self, first: int, decisions: Sequence[Decision]) -> None:
        """Keep a part of the decisions for the report.

        :param first: number of its first decision.
        """
        self.decisions.write(first, [decision_document(one) for one in decisions])

    def save_report(self, report: Mapping[str, Any]) -> None:
        """Keep the run's report in the bucket."""
        self.results.save_report(report)
