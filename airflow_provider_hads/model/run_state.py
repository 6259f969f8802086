"""A run as its controller sees it: every VM, every task, every attempt, in one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.runner import AttemptState, ResultFile

__all__ = [
    "Attempt",
    "Chain",
    "Decision",
    "Miss",
    "RunState",
    "Setback",
    "TaskRecord",
    "TaskState",
    "ToldSleep",
    "VmRecord",
    "VmState",
]


class VmState(str, Enum):
    """Where a VM stands, by cloud and runner together."""

    PLANNED = "planned"
    """In the plan; no instance is known."""

    LAUNCHING = "launching"
    """The cloud is being asked for it."""

    BOOTING = "booting"
    """Launched, or started again after a stop; its runner has not answered yet."""

    READY = "ready"
    """Its runner has answered: it is working while it has attempts that have not ended, idle else."""

    HIBERNATING = "hibernating"
    """On its way into hibernation: its memory is being written to its disk."""

    HIBERNATED = "hibernated"
    """Nothing runs; if it is resumed, its tasks go on where they were."""

    RESUMED = "resumed"
    """Back from hibernation; its runner has not answered yet, so whether its memory is kept is not known."""

    STOPPING = "stopping"
    """Being stopped: what runs there is lost."""

    STOPPED = "stopped"
    """Nothing runs and nothing is kept but the disk; it may be started again."""

    TERMINATED = "terminated"
    """Gone for good."""

    LOST = "lost"
    """Given up: never launched, never ready, or not the host it should be."""

    @property
    def ended(self) -> bool:
        """Whether no attempt can end there any more."""
        return self in (VmState.TERMINATED, VmState.LOST)

    @property
    def asleep(self) -> bool:
        """Whether nothing runs there, but it may come back."""
        return self in _ASLEEP

    @property
    def starting(self) -> bool:
        """Whether its runner is expected to answer soon."""
        return self in _STARTING


_ASLEEP = frozenset({VmState.HIBERNATING, VmState.HIBERNATED, VmState.STOPPING, VmState.STOPPED})
_STARTING = frozenset({VmState.LAUNCHING, VmState.BOOTING, VmState.RESUMED})


class TaskState(str, Enum):
    """Where a task of the job stands, over all its attempts."""

    WAITING = "waiting"
    """No VM has it in its queue yet."""

    STAGED = "staged"
    """In a VM's queue."""

    RUNNING = "running"
    """An attempt runs, or its results are on the way."""

    FROZEN = "frozen"
    """Its only attempts are on VMs that are hibernated."""

    FINISHED = "finished"
    """Its results are published."""

    FAILED = "failed"
    """It will not be tried again."""

    @property
    def ended(self) -> bool:
        """Whether the task is done with."""
        return self in (TaskState.FINISHED, TaskState.FAILED)


@dataclass(frozen=True)
class Attempt:
    """One try of a task on one VM.

    :param ran: seconds its container has run, time frozen not counted.
    :param started_at: seconds since the run's start when it was first seen running.
    :param ended_at: seconds since the run's start when it was seen to have ended.
    :param files: what it has left in the bucket, known from its finish until they are published.
    :param error: why it failed, one line; empty otherwise.
    :param ordered_at: seconds since the run's start when the controller decided on it; None for one that a
        VM has told of.
    :param heard_at: seconds since the run's start when ``ran`` was so.
    :param progress: share of the task that was done before it started, from a checkpoint.
    :param reason: code of why the controller ordered it there; empty for one of the plan.
    :param burst: on a burstable VM, whether it runs at full speed, from CPU credits that are kept for it.
    """

    id: str
    vm_id: str
    state: AttemptState
    exit_code: int | None = None
    ran: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    files: tuple[ResultFile, ...] = ()
    error: str = ""
    ordered_at: float | None = None
    heard_at: float = 0.0
    progress: float = 0.0
    reason: str = ""
    burst: bool = False


@dataclass(frozen=True)
class TaskRecord:
    """One task of the job.

    :param reason: why it is where it is, one line for the user; empty while all is as planned.
    :param infrastructure: whether a VM's end, not the task's own exit, made it fail.
    :param saved: share of the task that its latest checkpoint keeps.
    :param moved: code of why it is in the queue of another VM than the plan has it on; empty if it is not.
    """

    id: str
    state: TaskState = TaskState.WAITING
    attempts: tuple[Attempt, ...] = ()
    reason: str = ""
    infrastructure: bool = False
    saved: float = 0.0
    moved: str = ""


@dataclass(frozen=True)
class ToldSleep:
    """How long a VM has slept by the cloud's own events, which also tell of what no look has seen.

    :param seconds: in all, without the sleep that goes on.
    :param since: seconds since the run's start when the sleep that goes on began; None while it is awake.
    :param until: seconds since the run's start when the last sleep ended: what is told of before that is old.
    :param first: seconds since the run's start of the first event about it; None where that is not kept.
    """

    seconds: float = 0.0
    since: float | None = None
    until: float | None = None
    first: float | None = None


@dataclass(frozen=True)
class VmRecord:
    """One VM of the run.

    :param sequence: its number within the run.
    :param price: $/h.
    :param task_ids: its tasks by the plan, in the order in which they start; policies that keep a queue for
        each VM move tasks from one VM's to another's.
    :param cpu_share: the share of a vCPU that each task gets (baseline mode); None is the whole vCPU.
    :param launched_at: when the cloud launched it.
    :param booting_since: when its current boot began: its launch, or when it was seen to have been resumed.
    :param ended_at: seconds since the run's start when it was seen to have ended.
    :param boot_id: the kernel's boot id when its runner first answered.
    :param heartbeat: its runner's, when it was last heard.
    :param heartbeat_at: seconds since the run's start when that heartbeat was first heard.
    :param reason: why it is where it is, one line for the user.
    :param zone: where it runs; empty where that is not known.
    :param ready_by: seconds since the run's start when it is, or was, expected to be ready.
    :param since: seconds since the run's start when it came to be up, or fell asleep; None before its launch.
    :param up: seconds it has been up before that, its boots included.
    :param slept: seconds it has been asleep before that.
    :param told_sleep: how long it has been asleep by the cloud's events, where they are listened to.
    :param ended_asleep: whether it was asleep when it ended: ``slept`` goes on to ``ended_at`` then.
    :param hibernations: how often it has been interrupted: has fallen asleep, or was ended by the cloud.
    :param resumes: how often it came back.
    :param leaves_at: seconds since the run's start when it will be stopped or terminated, by its notice; None
        where it has none.
    :param rebalance_at: seconds since the run's start when the cloud last recommended another place; None
        where it has not.
    :param credits: CPU credits of a burstable VM at ``credits_at``; none at its launch, unless told.
    :param credits_at: seconds since the run's start when it had them; None until it is ready.
    """

    id: str
    sequence: int
    instance_type: str
    market: Market
    price: float
    task_ids: tuple[str, ...]
    state: VmState = VmState.PLANNED
    instance_id: str | None = None
    launched_at: datetime | None = None
    booting_since: datetime | None = None
    ended_at: float | None = None
    boot_id: str | None = None
    heartbeat: int | None = None
    heartbeat_at: float | None = None
    reason: str = ""
    cpu_share: float | None = None
    zone: str = ""
    ready_by: float | None = None
    since: float | None = None
    up: float = 0.0
    slept: float = 0.0
    told_sleep: ToldSleep = ToldSleep()
    ended_asleep: bool = False
    hibernations: int = 0
    resumes: int = 0
    leaves_at: float | None = None
    rebalance_at: float | None = None
    credits: float = 0.0
    credits_at: float | None = None


@dataclass(frozen=True)
class Chain:
    """Tasks that one slot of an on-demand VM would run one after the other, were everything else lost.

    :param vm_id: the VM; for one that is not launched yet a name of its own.
    :param instance_type: the VM's type.
    :param launched: whether the VM exists.
    :param seconds: how long the tasks take there.
    """

    vm_id: str
    instance_type: str
    launched: bool
    task_ids: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Setback:
    """An action that has failed, and is to be tried again.

    :param failures: how often it has failed in a row.
    :param until: seconds since the run's start, before which it is not tried again.
    """

    failures: int
    until: float


@dataclass(frozen=True)
class Decision:
    """What the controller has decided, and why.

    :param at: seconds since the run's start.
    :param action: ``launch``, ``terminate``, ``assign``, ``steal`` or ``cancel``.
    :param vm_id: the VM that it is about.
    :param reason: its stable code.
    :param attempt_id: the attempt that it is about; empty where it is about the VM itself.
    """

    at: float
    action: str
    vm_id: str
    reason: str
    attempt_id: str = ""


@dataclass(frozen=True)
class Miss:
    """That the deadline can't be met any more, as it was first known.

    :param at: seconds since the run's start when it was certain.
    :param end: seconds since the run's start before which the last task can't end.
    :param reason: one line for the user.
    """

    at: float
    end: float
    reason: str


@dataclass(frozen=True)
class RunState:
    """All that a controller's successor needs.

    :param started_at: the run's start, UTC; every other time of the run is seconds since then.
    :param deadline: seconds since the start.
    :param epoch: number of the controller's try; VMs refuse a lower one than they have heard.
    :param supervised_from: seconds since the start at the controller's first step; None before it.
    :param pending: keys of the actions that are being carried out.
    :param setbacks: by key, the actions that have failed and are to be tried again.
    :param deadline_missed: whether the miss has been announced: as soon as it was certain.
    :param miss: what was announced; None while the deadline may be met.
    :param miss_from: seconds since the start before which a miss can't be certain, if nothing is lost till
        then; None where that has to be looked at.
    :param backstop: the last plan for all open work on on-demand VMs that meets the deadline; a policy keeps
        it as the way out that is always there.
    :param safe_until: seconds since the start until which that plan can wait: the latest safe time.
    :param wake_at: seconds since the start when the controller has to look again, though nothing happens.
    :param launches: number of VMs launched or planned so far; it numbers them.
    :param widened_at: seconds since the start when it was last looked whether there are enough spot VMs; None
        when a VM has changed since.
    :param pauses: seconds since the start until which no VM of a type and market is asked for, by
        ``<type>/<market>`` or ``<type>/<market>/<zone>``: there was no capacity.
    :param followers: by instance id, how long instances have slept that a spot request has launched in the
        place of a VM that had ended, by the cloud's events.
    :param decisions: the last ones, in their order.
    :param decided: how often it was decided for each reason, over the whole run.
    """

    started_at: datetime
    deadline: float
    epoch: int = 0
    vms: Mapping[str, VmRecord] = field(default_factory=dict)
    tasks: Mapping[str, TaskRecord] = field(default_factory=dict)
    supervised_from: float | None = None
    pending: tuple[str, ...] = ()
    setbacks: Mapping[str, Setback] = field(default_factory=dict)
    deadline_missed: bool = False
    backstop: tuple[Chain, ...] = ()
    safe_until: float | None = None
    wake_at: float | None = None
    launches: int = 0
    widened_at: float | None = None
    pauses: Mapping[str, float] = field(default_factory=dict)
    followers: Mapping[str, ToldSleep] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    decided: Mapping[str, int] = field(default_factory=dict)
    miss: Miss | None = None
    miss_from: float | None = None

    @property
    def ended(self) -> bool:
        """Whether every task is done with."""
        return all(task.state.ended for task in self.tasks.values())

    def elapsed(self, now: datetime) -> float:
        """Return the seconds from the run's start to ``now``."""
        return (now - self.started_at).total_seconds()
