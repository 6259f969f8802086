"""An independent judge of runs: recomputes all that matters from a run's event log alone.

It shares no code with the controller or the simulator; only the words of the log, the job and the environment
are known to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_hads.model import Environment, InstanceType, Job, Market

__all__ = ["check_log"]

Event = Mapping[str, Any]
TOLERANCE = 1e-3


@dataclass
class _Attempt:
    """What runs, for how many awake seconds so far, and from which share of its task on."""

    task: str
    slot: int
    progress: float
    ran: float
    awake_since: float | None

    def ran_by(self, now: float) -> float:
        return self.ran + (0.0 if self.awake_since is None else now - self.awake_since)


@dataclass
class _Vm:
    kind: str
    market: Market
    price: float
    awake_since: float | None
    state: str = "booting"
    billed: float = 0.0
    awake: float = 0.0
    starts: int = 0
    attempts: dict[str, _Attempt] = field(default_factory=dict)


def check_log(
    events: Iterable[Event],
    job: Job,
    environment: Environment,
    *,
    parallel: bool = True,
    vcpu_limit: int | None = None,
    right_estimates: bool = True,
    deadline: float | None = None,
    boot: float | None = None,
    publishes: bool = True,
    heard_late: bool = False,
) -> list[str]:
    """Return all that is wrong with a log, one line each.

    :param deadline: seconds that the job had; None takes the log's word for it.
    :param boot: seconds that each VM takes to come up; None takes the log's word for it.
    :param publishes: the log has what was done with the results.
    :param heard_late: the controller hears of things after they have happened, so that it may run again what
        has finished.
    :param parallel: one task a vCPU at a time; else one task a VM.
    :param right_estimates: tasks take as long as the job says, so that what has run shorter can't be done.
    """
    checker = _Checker(
        job, environment, parallel, vcpu_limit, right_estimates, deadline, boot, publishes, heard_late
    )
    for event in events:
        checker.take(event)
    checker.end()
    return checker.faults


class _Checker:
    def __init__(
        self,
        job: Job,
        environment: Environment,
        parallel: bool,
        vcpu_limit: int | None,
        right_estimates: bool,
        deadline: float | None,
        boot: float | None,
        publishes: bool,
        heard_late: bool,
    ) -> None:
        self.faults: list[str] = []
        self._job = job
        self._environment = environment
        self._parallel = parallel
        self._vcpu_limit = vcpu_limit
        self._right_estimates = right_estimates
        self._deadline = deadline
        self._boot = boot
        self._publishes = publishes
        self._heard_late = heard_late
        self._decided: set[tuple[str, str]] = set()
        self._kept: dict[str, float] = {}
        self._now = 0.0
        self._vms: dict[str, _Vm] = {}
        self._alive: dict[str, _Vm] = {}
        self._attempts_seen: set[str] = set()
        self._finished: Counter[str] = Counter()
        self._last_finish = 0.0
        self._started: Event | None = None
        self._ended: Event | None = None
        self._handlers: dict[str, Callable[[Event], None]] = {
            "run_started": self._run_started,
            "vm_launched": self._vm_launched,
            "vm_ready": self._vm_ready,
            "vm_hibernated": self._vm_hibernated,
            "vm_resumed": self._vm_resumed,
            "vm_terminated": self._vm_terminated,
            "task_started": self._task_started,
            "task_finished": self._task_finished,
            "task_failed": self._task_ended,
            "task_interrupted": self._task_interrupted,
            "checkpoint_taken": self._checkpoint,
            "decision": self._decision,
            "run_finished": self._run_finished,
        }

    def take(self, event: Event) -> None:
        handler = self._handlers.get(event["event"])
        if handler is None:
            self._fault(f"there is no event {event['event']}")
            return
        if event["t"] < self._now - 1e-9:
            self._fault(f"{event['event']} at {event['t']} comes after {self._now}")
        if self._started is None and event["event"] != "run_started":
            self._fault(f"{event['event']} before the run's start")
        if self._ended is not None:
            self._fault(f"{event['event']} after the run's end")
        self._now = event["t"]
        handler(event)

    def end(self) -> None:
        if self._started is None or self._ended is None:
            self._fault("the log has no start or no end")
            return
        for vm_id in self._alive:
            self._fault(f"{vm_id} outlives the run")
        for task_id in self._job.tasks:
            if self._publishes and self._finished[task_id] and ("publish", task_id) not in self._decided:
                self._fault(f"task {task_id} has finished, and is not published")
        self._check_verdict(self._started, self._ended)

    def _check_verdict(self, started: Event, ended: Event) -> None:
        cost = sum(vm.billed * vm.price for vm in self._vms.values()) / 3600
        if abs(cost - ended["cost"]) > 1e-6 + 1e-6 * cost:
            self._fault(f"the cost is {cost}, not {ended['cost']}")
        if abs(self._last_finish - ended["makespan"]) > TOLERANCE:
            self._fault(f"the makespan is {self._last_finish}, not {ended['makespan']}")
        if self._deadline is not None and started["deadline"] != self._deadline:
            self._fault(f"the deadline is {self._deadline}, not {started['deadline']}")
        all_done = all(self._finished[task] for task in self._job.tasks)
        met = all_done and self._last_finish <= started["deadline"] + 1e-6
        if met != ended["deadline_met"]:
            self._fault(f"deadline_met is {ended['deadline_met']}; the log says {met}")

    def _fault(self, text: str) -> None:
        self.faults.append(f"[{self._now:.3f}] {text}")

    def _run_started(self, event: Event) -> None:
        if self._started is not None:
            self._fault("the run starts twice")
        self._started = event

    def _run_finished(self, event: Event) -> None:
        self._ended = event

    def _decision(self, event: Event) -> None:
        """Note what was decided: by its attempt, if it is about one, else by its VM."""
        if not event.get("reason"):
            self._fault(f"the decision to {event['action']} has no reason")
        about = event["task"] if event["action"] == "publish" else event.get("attempt", event.get("vm"))
        if event["action"] in ("launch", "assign", "publish") and (event["action"], about) in self._decided:
            self._fault(f"it is decided twice to {event['action']} {about}")
        self._decided.add((event["action"], about))
        if event["action"] == "publish" and not self._finished[event["task"]]:
            self._fault(f"task {event['task']} is published, and has not finished")

    def _check_decided(self, action: str, about: str) -> None:
        if (action, about) not in self._decided:
            self._fault(f"nobody has decided to {action} {about}")

    def _vm(self, event: Event, *states: str) -> _Vm | None:
        vm = self._alive.get(event["vm"])
        if vm is None:
            self._fault(f"{event['event']}: {event['vm']} is not there")
            return None
        if vm.state not in states:
            self._fault(f"{event['event']}: {event['vm']} is {vm.state}")
        return vm

    def _vm_launched(self, event: Event) -> None:
        market = Market(event["market"])
        if event["vm"] in self._vms:
            self._fault(f"{event['vm']} is launched twice")
        kind = self._environment.instance_types.get(event["type"])
        if kind is None:
            self._fault(f"{event['vm']} is of type {event['type']}, which is not offered")
            return
        self._check_decided("launch", event["vm"])
        if abs(kind.prices.get(market, -1.0) - event["price"]) > 1e-12:
            self._fault(f"{event['vm']} costs {event['price']}, which is not its type's price")
        vm = _Vm(event["type"], market, event["price"], self._now)
        self._vms[event["vm"]] = self._alive[event["vm"]] = vm
        self._check_limits(vm)

    def _check_limits(self, new: _Vm) -> None:
        alive = self._alive.values()
        kind = self._environment.instance_types[new.kind]
        of_type = sum(vm.kind == new.kind and vm.market is new.market for vm in alive)
        of_market = sum(vm.market is new.market for vm in alive)
        vcpus = sum(self._environment.instance_types[vm.kind].vcpus for vm in alive)
        if of_type > kind.limit(new.market):
            self._fault(f"{of_type} {new.market} VMs of type {new.kind}")
        if of_market > self._environment.global_limit(new.market):
            self._fault(f"{of_market} {new.market} VMs")
        if self._vcpu_limit is not None and vcpus > self._vcpu_limit:
            self._fault(f"{vcpus} vCPUs")

    def _vm_ready(self, event: Event) -> None:
        vm = self._vm(event, "booting")
        if vm is None:
            return
        vm.state = "ready"
        awake = vm.awake + self._now - (vm.awake_since or 0.0)
        if self._boot is not None and abs(awake - self._boot) > TOLERANCE:
            self._fault(f"{event['vm']} is ready after {awake} s, not {self._boot}")

    def _vm_hibernated(self, event: Event) -> None:
        vm = self._vm(event, "booting", "ready")
        if vm is None:
            return
        if vm.market is not Market.SPOT:
            self._fault(f"{event['vm']} is on demand, and is hibernated")
        self._stop_clock(vm, interrupted=True)
        for attempt in vm.attempts.values():
            attempt.ran, attempt.awake_since = attempt.ran_by(self._now), None
        vm.state = f"hibernated while {vm.state}"

    def _vm_resumed(self, event: Event) -> None:
        vm = self._vm(event, "hibernated while booting", "hibernated while ready")
        if vm is not None:
            vm.awake_since = self._now
            vm.state = vm.state.rpartition(" ")[2]
            for attempt in vm.attempts.values():
                attempt.awake_since = self._now

    def _vm_terminated(self, event: Event) -> None:
        vm = self._vm(event, "booting", "ready", "hibernated while booting", "hibernated while ready")
        if vm is None:
            return
        for attempt in vm.attempts:
            self._fault(f"attempt {attempt} outlives {event['vm']}")
        interrupted = event["cause"] == "interruption"
        if not interrupted:
            self._check_decided("terminate", event["vm"])
        if interrupted and vm.market is not Market.SPOT:
            self._fault(f"{event['vm']} is on demand, and is interrupted")
        self._stop_clock(vm, interrupted=interrupted)
        cost = vm.billed * vm.price / 3600
        if abs(event["cost"] - cost) > 1e-9 + 1e-6 * cost:
            self._fault(f"{event['vm']} has cost {cost}, not {event['cost']}")
        del self._alive[event["vm"]]

    def _stop_clock(self, vm: _Vm, *, interrupted: bool) -> None:
        if vm.awake_since is not None:
            vm.starts += 1
            vm.awake += self._now - vm.awake_since
            vm.billed += self._paid(self._now - vm.awake_since, vm, interrupted)
        vm.awake_since = None

    def _paid(self, seconds: float, vm: _Vm, interrupted: bool) -> float:
        """Return what is paid of a stretch: all, or by EC2's rules where the log says so."""
        if self._started is None or self._started.get("billing") != "ec2":
            return seconds
        free = interrupted and vm.market is Market.SPOT and vm.starts == 1 and seconds < 3600
        return 0.0 if free else max(seconds, 60.0)

    def _task_started(self, event: Event) -> None:
        vm = self._vm(event, "ready")
        task = self._job.tasks.get(event["task"])
        if vm is None or task is None:
            self._fault(f"task {event['task']} can't start")
            return
        if event["attempt"] in self._attempts_seen:
            self._fault(f"attempt {event['attempt']} starts twice")
        if vm.kind not in task.runtimes:
            self._fault(f"task {task.id} has no estimate for {vm.kind}")
        if self._finished[task.id] and not self._heard_late:
            self._fault(f"task {task.id} starts though it has finished")
        self._check_decided("assign", event["attempt"])
        self._attempts_seen.add(event["attempt"])
        self._check_room(vm, event)
        if event["progress"] > self._kept.get(task.id, 0.0) + 1e-9:
            self._fault(f"task {task.id} goes on at {event['progress']}, which no checkpoint has kept")
        vm.attempts[event["attempt"]] = _Attempt(task.id, event["slot"], event["progress"], 0.0, self._now)

    def _check_room(self, vm: _Vm, event: Event) -> None:
        kind = self._environment.instance_types[vm.kind]
        if not 0 <= event["slot"] < (kind.vcpus if self._parallel else 1):
            self._fault(f"{event['vm']} has no slot {event['slot']}")
        if event["slot"] in {attempt.slot for attempt in vm.attempts.values()}:
            self._fault(f"slot {event['slot']} of {event['vm']} is taken")
        running = [attempt.task for attempt in vm.attempts.values()]
        memory = sum(self._job.tasks[task].memory for task in [*running, event["task"]])
        if memory > kind.memory * (1 + 1e-6):
            self._fault(f"{memory} MB in use on {event['vm']}")

    def _task_finished(self, event: Event) -> None:
        self._check_length(event)
        if self._leave(event, "ready"):
            self._finished[event["task"]] += 1
            self._last_finish = self._now
            if self._finished[event["task"]] > 1 and not self._heard_late:
                self._fault(f"task {event['task']} finishes twice")

    def _check_length(self, event: Event) -> None:
        """Find what finishes sooner than it can, or later: only burstable VMs are slower at times."""
        attempt, seconds = self._running(event), self._seconds(event)
        if attempt is None or seconds is None:
            return
        ran, burstable = attempt.ran_by(self._now), self._kind(event["vm"]).burstable is not None
        if ran < seconds - TOLERANCE or (ran > seconds + 2 * TOLERANCE and not burstable):
            self._fault(f"attempt {event['attempt']} finishes after {ran} s awake, not {seconds}")

    def _running(self, event: Event) -> _Attempt | None:
        vm = self._alive.get(event["vm"])
        attempt = None if vm is None else vm.attempts.get(event["attempt"])
        return attempt if attempt is not None and attempt.task == event["task"] else None

    def _seconds(self, event: Event) -> float | None:
        """Return how long an attempt has to run; None where that can't be told."""
        attempt = self._running(event)
        if attempt is None or not self._right_estimates:
            return None
        runtime = self._job.tasks[attempt.task].runtimes.get(self._vms[event["vm"]].kind)
        return None if runtime is None else runtime * (1 - attempt.progress)

    def _kind(self, vm_id: str) -> InstanceType:
        return self._environment.instance_types[self._vms[vm_id].kind]

    def _task_interrupted(self, event: Event) -> None:
        if event["progress"] > self._kept.get(event["task"], 0.0) + 1e-9:
            self._fault(f"task {event['task']} keeps {event['progress']}, which no checkpoint has kept")
        self._task_ended(event)

    def _task_ended(self, event: Event) -> None:
        self._leave(event, "booting", "ready", "hibernated while booting", "hibernated while ready")

    def _leave(self, event: Event, *states: str) -> bool:
        vm = self._vm(event, *states)
        attempt = None if vm is None else vm.attempts.pop(event["attempt"], None)
        if attempt is None or attempt.task != event["task"]:
            self._fault(f"{event['event']}: attempt {event['attempt']} of task {event['task']} does not run")
            return False
        return True

    def _checkpoint(self, event: Event) -> None:
        self._vm(event, "ready")
        attempt, seconds, share = self._running(event), self._seconds(event), event["progress"]
        if attempt is None:
            self._fault(f"a checkpoint of attempt {event['attempt']} of {event['task']}, which does not run")
            return
        if not 0 <= share <= 1 + 1e-9:
            self._fault(f"a progress of {share}")
        if seconds is not None:
            left = seconds - attempt.ran_by(self._now)
            done = 1 - (1 - attempt.progress) * max(left, 0.0) / seconds if seconds else 1.0
            if share > done + TOLERANCE:
                self._fault(f"attempt {event['attempt']} has done {done}, and saves {share}")
        self._kept[attempt.task] = max(share, self._kept.get(attempt.task, 0.0))
