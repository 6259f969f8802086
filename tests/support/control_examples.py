"""Short ways to write down a run's state and what a controller sees of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from airflow_provider_hads.control import Action, ActionResult, Observation, Rules, Silence, decide
from airflow_provider_hads.model.cloud_event import CloudEvent, CloudEventKind
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.fleet import Instance, InstanceState, InterruptionKind
from airflow_provider_hads.model.run_state import RunState, TaskRecord, VmRecord
from airflow_provider_hads.model.runner import AttemptState, AttemptStatus, ResultFile, VmStatus

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
DEADLINE = 1000.0
RULES = Rules(boot_timeout=300, deploy_timeout=120, margin=600, visibility=60)
RESULT = ResultFile(path="output.txt", sha256="ab" * 32, size=12)


def at(seconds: float) -> datetime:
    """Return the moment that many seconds after the run's start."""
    return START + timedelta(seconds=seconds)


def run_state(plan: Mapping[str, Sequence[str]]) -> RunState:
    """Return the first state of a run whose plan is ``{"vm-0": ["a", "b"]}``."""
    vms = {
        vm_id: VmRecord(vm_id, sequence, "small", Market.SPOT, 0.03, tuple(task_ids))
        for sequence, (vm_id, task_ids) in enumerate(plan.items())
    }
    tasks = {task_id: TaskRecord(task_id) for task_ids in plan.values() for task_id in task_ids}
    return RunState(START, DEADLINE, epoch=1, vms=vms, tasks=tasks)


def instance(
    vm_id: str = "vm-0",
    state: InstanceState = InstanceState.RUNNING,
    *,
    launched: float = 0,
    address: str | None = "10.0.0.1",
    reason: str = "",
    instance_id: str = "",
) -> Instance:
    """Return a VM as the cloud shows it; ``launched`` is seconds since the run's start.

    With the reason ``hibernated`` it is.
    """
    return Instance(
        instance_id=instance_id or f"i-{vm_id}",
        vm_id=vm_id,
        sequence=0,
        generation=0,
        instance_type="small",
        market=Market.SPOT,
        state=state,
        address=address,
        host_key="ssh-ed25519 AAAA",
        launched_at=at(launched),
        state_reason=reason,
        interruption=InterruptionKind.HIBERNATE if reason == "hibernated" else None,
    )


def attempt(
    task_id: str,
    state: AttemptState,
    *,
    number: int = 1,
    exit_code: int | None = None,
    ran: float = 0.0,
    error: str = "",
) -> AttemptStatus:
    """Return an attempt as its VM reports it; what has run has started, what has finished has left a file."""
    finished = state is AttemptState.FINISHED
    started = ran > 0 or finished or state in (AttemptState.RUNNING, AttemptState.UPLOADING)
    return AttemptStatus(
        f"{task_id}.{number}",
        task_id,
        state,
        exit_code=0 if finished else exit_code,
        ran=ran,
        started=1.0 if started else None,
        files=(RESULT,) if finished else (),
        error=error,
    )


def status(
    *attempts: AttemptStatus, expires: float = DEADLINE + 600, boot_id: str = "boot-1", heartbeat: int = 1
) -> VmStatus:
    """Return a VM's answer; ``expires`` is the end of its lease, seconds since the run's start."""
    reported = {one.attempt_id: one for one in attempts}
    return VmStatus(boot_id, heartbeat, 1, at(expires).timestamp(), slots=2, attempts=reported)


def shown(*instances: Instance) -> Observation:
    """Return what is known when the cloud shows these VMs."""
    return Observation(fleet={one.vm_id: one for one in instances})


def heard(vm_id: str = "vm-0", *attempts: AttemptStatus, expires: float = DEADLINE + 600) -> Observation:
    """Return what is known when a VM answers."""
    return Observation(statuses={vm_id: status(*attempts, expires=expires)})


def silent(vm_id: str = "vm-0", reason: str = "no route to host", *, undeployed: bool = False) -> Observation:
    """Return what is known when a VM was asked and did not answer."""
    return Observation(silences={vm_id: Silence(reason, undeployed=undeployed)})


def done(*keys: str, error: str = "", hopeless: bool = False) -> Observation:
    """Return what is known when actions have ended."""
    return Observation(results=tuple(ActionResult(key, error, hopeless) for key in keys))


def told(state: InstanceState, moment: float, vm_id: str = "vm-0") -> CloudEvent:
    """Return the cloud's event of a VM's change of state, so many seconds after the run's start."""
    return CloudEvent(
        f"{vm_id} {state} {moment}", f"i-{vm_id}", CloudEventKind.STATE, at(moment), state=state
    )


NOTHING = Observation()


def play(
    state: RunState, steps: Iterable[tuple[float, Observation]], rules: Rules = RULES
) -> tuple[RunState, tuple[Action, ...]]:
    """Make some steps, each at its second, and return the last state and the last step's actions."""
    actions: tuple[Action, ...] = ()
    for seconds, observation in steps:
        state, actions = decide(state, observation, at(seconds), rules)
    return state, actions
