"""Chaos by a seed: what befalls a run's VMs, its API calls and its Airflow, all at once; and its table."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from airflow_provider_hads.local_cloud import LocalCloud
from tests.system.chaos_job import TASKS
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger
from tests.system.rest import Json

__all__ = ["ChaoticRun", "chosen_seeds", "go_through_chaos"]

HIBERNATION_RATE, RESUME_RATE, TERMINATION_RATE = 1 / 60, 1 / 20, 1 / 200
"""A second and VM; 6 VMs, of which each has 5 tasks for 2 slots, see some interruptions each."""

THROTTLED = 0.2
"""Share of EC2's calls that are throttled."""

LONGEST = 700.0
"""Seconds until a run is given up."""

SEEDS = "HADS_CHAOS_SEEDS"
"""Environment variable: ``3`` is seed 3, ``1-10`` are ten seeds."""


def chosen_seeds() -> Sequence[int]:
    """Return the seeds that were asked for, or two."""
    first, _, last = os.environ.get(SEEDS, "1-2").partition("-")
    return range(int(first), int(last or first) + 1)


@dataclass(frozen=True)
class ChaoticRun:
    """A run that has gone through chaos.

    :param state: Airflow's, at its end.
    :param seconds: from its start to its end.
    :param happened: interruptions and resumes, by what they were.
    """

    seed: int
    run: ObservedRun
    state: str
    seconds: float
    happened: Counter[str]

    @property
    def report(self) -> Json:
        """The run's own report."""
        found: Json = self.run.xcom("report")
        return found

    @property
    def bill(self) -> float:
        """What the local cloud bills, dollars."""
        return sum(item.dollars for item in self.run.cloud.bill() if item.run == self.run.identity["uid"])

    def story(self) -> str:
        """Return the controller's log over all of its tries."""
        return self.run.story()

    def row(self) -> str:
        """Return the run's line of the table."""
        report, bill = self.report, self.bill
        moved = sum(len(self.run.attempts(task_id)) > 1 for task_id in TASKS)
        events = "  ".join(f"{count} {name}" for name, count in sorted(self.happened.items()))
        deadline = "met" if report["deadline_met"] else "missed"
        return (
            f"seed {self.seed:3}  {self.state:7}  {self.seconds:5.0f} s  deadline {deadline}  "
            f"{moved:2} tasks moved  {len(report['vms']):2} VMs  {events}  "
            f"report ${report['cost']:.5f}  bill ${bill:.5f}  {100 * (report['cost'] / bill - 1):+.2f} %"
        )


def go_through_chaos(deployment: AirflowDeployment, cloud: LocalCloud, seed: int) -> ChaoticRun:
    """Carry a run out while VMs and calls fail, its controller is killed and Airflow is restarted."""
    began, before = time.monotonic(), len(cloud.history())
    with _trouble(cloud, seed):
        run = trigger(deployment, cloud, "chaos")
        run.wait_for_running_tasks(4)
        os.kill(run.task_runner("supervise"), signal.SIGKILL)
        for component in ("scheduler", "triggerer"):
            time.sleep(10)
            deployment.components[component].kill()
            deployment.start_component(component)
        state = run.wait_for_end(timeout=LONGEST)
    happened = Counter(one.what for one in cloud.history()[before:])
    return ChaoticRun(seed, run, state, time.monotonic() - began, happened)


@contextmanager
def _trouble(cloud: LocalCloud, seed: int) -> Iterator[None]:
    cloud.hazard(HIBERNATION_RATE, RESUME_RATE, TERMINATION_RATE, seed)
    cloud.fault_rate("throttle", THROTTLED, seed)
    try:
        yield
    finally:
        cloud.end_hazard()
        cloud.clear_faults()
