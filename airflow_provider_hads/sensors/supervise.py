"""The controller's place in a run's DAG."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, TaskInstanceState, timezone
from airflow.sdk.bases.sensor import poke_mode_only
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_hads.control.policies import FOLLOW_PLAN, run_policy_names
from airflow_provider_hads.control.rules import Rules
from airflow_provider_hads.control.snapshot import snapshot
from airflow_provider_hads.exceptions import ControlEnded, EpochRefused
from airflow_provider_hads.model.run_state import TaskState, VmState
from airflow_provider_hads.operators.failures import no_retry
from airflow_provider_hads.runtime.decision_archive import DecisionArchive
from airflow_provider_hads.runtime.first_state import first_state
from airflow_provider_hads.runtime.local_hazard import LocalHazard
from airflow_provider_hads.runtime.run_context import RunContext
from airflow_provider_hads.runtime.state_document import dump_state, load_state
from airflow_provider_hads.runtime.supervisor import Supervisor
from airflow_provider_hads.runtime.workshop import Workshop
from airflow_provider_hads.sensors.waiting import AS_LONG_AS_IT_TAKES
from airflow_provider_hads.triggers.producer import SNAPSHOT_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.model.run_state import RunState

__all__ = ["SUPERVISE_RETRIES", "SUPERVISE_RETRY_DELAY", "SuperviseSensor"]

STATE_KEY = "run_state"
SUPERVISE_RETRIES = 20
SUPERVISE_RETRY_DELAY = timedelta(seconds=5)
"""A killed worker's successor goes on where it was: many quick tries outlast what a few do not."""
PUBLISH_INTERVAL = 2.0
"""Least seconds between two snapshots: that of a large job is large, and many of its tasks change at once."""


@poke_mode_only
class SuperviseSensor(BaseSensorOperator):
    """
    Control a run until every task of its job has ended.

    One poke is one step: look at the fleet and its runners, decide, act. The state of the run is kept in the
    task state store, so that the next try of a killed worker goes on where it was; what watchers need is
    published as XCom ``snapshot`` whenever it has changed. Decisions that are too many for these two are kept
    in the bucket, for the report.

    What is to be done about VMs that EC2 hibernates, stops or ends, and about those that were not to be had,
    is the policy's to decide. The task fails when a task of the job could not be run for want of a VM; a
    task's own non-zero exit code is that task's failure.

    A worker that is shut down ends this task; its next try goes on. Where Airflow no longer takes the task
    for running, as when the run is marked failed, nothing is launched any more.

    :param run: the run, as ``open_run`` hands it on. (templated)
    :param vms: the plan's VMs, as ``schedule`` hands them on. (templated)
    :param deployments: what the ``deploy`` tasks hand on. (templated)
    :param figures: the plan's figures, as ``schedule`` hands them on, or their JSON text. (templated)
    :param policy: who decides: a policy's name, or ``follow-plan`` for the plan to the letter; empty takes
        ``setup.cfg``'s. (templated)
    :param allocation_cycle: seconds of an allocation cycle, for policies that keep idle VMs to the end of
        theirs; empty takes ``setup.cfg``'s. (templated)
    :param hibernation_rate: interruptions a second of each spot VM that the local cloud is to make while this
        task runs; 0 leaves it as it is. A real cloud is not asked. (templated)
    :param resume_rate: and resumes a second of each hibernated one. (templated)
    :param aws_conn_id: connection for EC2 and S3. (templated)
    :param ssh_conn_id: connection with the private key for the VMs. (templated)
    """

    template_fields: Sequence[str] = (
        "run",
        "vms",
        "deployments",
        "figures",
        "policy",
        "allocation_cycle",
        "hibernation_rate",
        "resume_rate",
        "aws_conn_id",
        "ssh_conn_id",
    )
    ui_color = "#f7e3c5"

    def __init__(
        self,
        *,
        run: Any,
        vms: Any,
        deployments: Any = (),
        figures: Any = None,
        policy: str = "",
        allocation_cycle: str | float | None = None,
        hibernation_rate: str | float = 0.0,
        resume_rate: str | float = 0.0,
        aws_conn_id: str = "aws_default",
        ssh_conn_id: str = "ssh_default",
        poke_interval: float = 0.5,
        timeout: float | timedelta = AS_LONG_AS_IT_TAKES,
        retries: int = SUPERVISE_RETRIES,
        retry_delay: timedelta = SUPERVISE_RETRY_DELAY,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=poke_interval, timeout=timeout, retries=retries, retry_delay=retry_delay, **kwargs
        )
        self.run = run
        self.vms = vms
        self.deployments = deployments
        self.figures = figures
        self.policy = policy
        self.allocation_cycle = allocation_cycle
        self.hibernation_rate = hibernation_rate
        self.resume_rate = resume_rate
        self.aws_conn_id = aws_conn_id
        self.ssh_conn_id = ssh_conn_id
        self._supervisor: Supervisor | None = None
        self._archive: DecisionArchive | None = None
        self._published: dict[str, Any] = {}
        self._published_at = float("-inf")
        self._told_to_end = False

    def on_kill(self) -> None:
        """Make no further step. This is a signal's handler: what is under way may hold any lock."""
        self._told_to_end = True

    def execute(self, context: Context) -> Any:
        """Take over the run and control it to its end."""
        if not self.run or self.vms is None:
            raise AirflowFailException(
                "There is nothing to supervise: the run has no plan. See 'schedule' for why."
            )
        workshop = Workshop(RunContext.from_xcom(self.run), self.aws_conn_id, self.ssh_conn_id)
        self._archive = DecisionArchive(workshop.keep_decisions)
        with no_retry():  # the settings and the private key are read here
            state = self._take_over(context, workshop)
            self._supervisor = self._make_supervisor(context, workshop, state)
        self._publish(context)
        hazard = LocalHazard(self.aws_conn_id, float(self.hibernation_rate), float(self.resume_rate))
        try:
            with no_retry(), hazard:
                return self._control(context)
        finally:
            self._supervisor.close()
            self._archive.close()

    def _control(self, context: Context) -> Any:
        try:
            return super().execute(context)
        except EpochRefused as error:
            raise AirflowFailException(f"Another controller has taken over this run: {error}") from error
        except ControlEnded as error:
            raise AirflowFailException(f"This run is not to be controlled any more: {error}") from error

    def poke(self, context: Context) -> PokeReturnValue:
        """Make one step of the controller."""
        if self._supervisor is None:
            raise RuntimeError("poke is called by execute only")
        if self._told_to_end:
            raise AirflowException("Told to end; the VMs go on, and so does the next try of this task")
        ended = self._supervisor.step()
        self._publish(context)
        if not ended:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._verdict(self._supervisor.state))

    def _take_over(self, context: Context, workshop: Workshop) -> RunState:
        stored: Any = context["task_state_store"].get(STATE_KEY)
        if stored is not None and stored["generation"] == workshop.run.generation:
            state = load_state(stored)
        else:
            epoch = load_state(stored).epoch if stored is not None else 0
            state = replace(self._first_state(workshop), epoch=epoch)
            for vm in state.vms.values():
                if vm.state is VmState.LOST:
                    self.log.info("%s (%s, %s) is lost: %s", vm.id, vm.instance_type, vm.market, vm.reason)
        state = replace(state, epoch=state.epoch + 1)
        self._save(context, workshop, state)
        if state.epoch > 1:
            self.log.info("Going on where an earlier try of this task ended (epoch %d)", state.epoch)
        return state

    def _policy(self, workshop: Workshop) -> str:
        """Return who decides.

        :raises AirflowFailException: there is none of that name.
        """
        name = self.policy or workshop.inputs.settings.scheduler.policy
        if name not in run_policy_names():
            raise AirflowFailException(
                f"policy: {name!r} is not known; choose one of {', '.join(run_policy_names())}"
            )
        return name

    def _cycle(self) -> float | None:
        """Return the allocation cycle that was chosen, seconds; None for the job's own."""
        given = self.allocation_cycle
        return None if given in (None, "", "None") else float(given)

    def _first_state(self, workshop: Workshop) -> RunState:
        """Return the state to start with. A plan of before the run was cleared is of VMs that have ended."""
        generation = workshop.run.generation
        current = _document(self.figures).get("generation", generation) == generation
        return first_state(
            workshop.run,
            task_ids=workshop.inputs.job.tasks,
            finished=workshop.finished_task_ids,
            vms=self.vms if current else (),
            reports=_reports(self.deployments) if current else (),
            adopt=self._policy(workshop) != FOLLOW_PLAN,
        )

    def _make_supervisor(self, context: Context, workshop: Workshop, state: RunState) -> Supervisor:
        run = workshop.run
        return Supervisor(
            state,
            rules=Rules(boot_timeout=run.boot_timeout, margin=run.margin),
            fleet=workshop.fleet,
            vms=workshop.vms,
            results=workshop.results,
            orders=workshop.orders,
            interval=workshop.inputs.settings.scheduler.look_interval,
            clock=timezone.utcnow,
            save=lambda changed: self._save(context, workshop, changed),
            mission=workshop.mission(self._policy(workshop), _document(self.figures), self._cycle()),
            launch_order=workshop.launch_order,
            events=workshop.events,
            cpu_credits=workshop.cpu_credits,
            confirm=lambda: _confirm(context, state.epoch),
        )

    def _save(self, context: Context, workshop: Workshop, state: RunState) -> None:
        document = {"generation": workshop.run.generation, **dump_state(state)}
        context["task_state_store"].set(STATE_KEY, document)
        if self._archive is not None:
            self._archive.keep(state)

    def _publish(self, context: Context) -> None:
        if self._supervisor is None:
            return
        state = self._supervisor.state
        if not state.ended and time.monotonic() - self._published_at < PUBLISH_INTERVAL:
            return
        generation = RunContext.from_xcom(self.run).generation
        current = {"generation": generation, **snapshot(state)}
        if current != self._published:
            context["ti"].xcom_push(key=SNAPSHOT_KEY, value=current)
            self._published, self._published_at = current, time.monotonic()

    def _verdict(self, state: RunState) -> dict[str, Any]:
        failures = [task for task in state.tasks.values() if task.state is TaskState.FAILED]
        lost = [task.reason for task in failures if task.infrastructure]
        if lost:
            raise AirflowFailException(f"{len(lost)} tasks could not be run: " + "; ".join(sorted(set(lost))))
        return {
            "tasks": len(state.tasks),
            "failed": [task.id for task in failures],
            "deadline_missed": state.deadline_missed,
        }


def _confirm(context: Context, epoch: int) -> None:
    """Compare one's own epoch with that of the stored state, and see whether one is to run at all.

    Every try stores its state when it takes over. The next try of one that Airflow has taken for dead has
    another task instance id, and by the old id nothing is found any more. Who marks a run failed ends this
    task in the database at once, but its process some seconds later.

    :raises EpochRefused: a later try has taken over.
    :raises ControlEnded: this task has been ended.
    """
    stored: Any = context["task_state_store"].get(STATE_KEY)
    if stored is None:
        raise EpochRefused(f"what epoch {epoch} has stored is gone; see the later tries of this task")
    followed_by = load_state(stored).epoch
    if followed_by > epoch:
        raise EpochRefused(f"epoch {epoch} has been followed by {followed_by}")
    task = context["ti"]
    states = task.get_task_states(task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id])
    state = states.get(task.run_id, {}).get(task.task_id)
    if state != TaskInstanceState.RUNNING:
        raise ControlEnded(f"Airflow has this task as {state}")


def _document(given: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    document: Mapping[str, Any] | None = json.loads(given) if isinstance(given, str) else given
    return document or {}


def _reports(deployments: Any) -> Sequence[Mapping[str, Any]]:
    """Return the reports as a list: where only one has been handed on, Airflow gives that one itself."""
    return [deployments] if isinstance(deployments, Mapping) else deployments or ()
