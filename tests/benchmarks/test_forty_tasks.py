"""A job of 40 ten-second tasks on 4 VMs of 2 slots: what the system adds to the work."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean

from airflow_provider_hads.local_cloud import LocalCloud
from tests.benchmarks.figures import Figures
from tests.benchmarks.jobs import FORTY
from tests.system.deployment import AirflowDeployment
from tests.system.observed_run import ObservedRun, trigger


@dataclass(frozen=True)
class Work:
    """When the tasks ran, seconds since the machine's boot.

    :param spans: by VM, the begin and end of each task, in ascending order of begin.
    """

    spans: dict[str, list[tuple[float, float]]]

    @property
    def began(self) -> float:
        """Begin of the first task."""
        return min(begin for spans in self.spans.values() for begin, _ in spans)

    @property
    def ended(self) -> float:
        """End of the last task."""
        return max(end for spans in self.spans.values() for _, end in spans)

    def gaps(self) -> list[float]:
        """Return the seconds from each task's end to the begin of the one that took its slot."""
        found = []
        for spans in self.spans.values():
            ends = sorted(end for _, end in spans)
            found += [begin - end for (begin, _), end in zip(spans[FORTY.slots :], ends, strict=False)]
        return found


def test_forty_tasks(deployment: AirflowDeployment, local_cloud: LocalCloud, figures: Figures) -> None:
    deployment.wait_for_dag(FORTY.name)
    triggered = uptime()
    run = trigger(deployment, local_cloud, FORTY.name)
    run.wait_for_running_tasks(1, timeout=300)
    processor_share = share_of_one_core(run.task_runner("supervise"), 20.0)
    assert run.wait_for_end(timeout=600) == "success"

    work = read_work(run)
    gaps = work.gaps()
    overhead = (work.ended - work.began - FORTY.rounds * FORTY.seconds) / FORTY.rounds
    figures.add("From the trigger (REST) to the first task's start", f"{work.began - triggered:.1f} s")
    figures.add(
        f"Overhead a task: {FORTY.tasks} tasks of `sleep {FORTY.seconds:g}` on {FORTY.vms} VMs of "
        f"{FORTY.slots} slots, (makespan - {FORTY.rounds} x {FORTY.seconds:g} s) / {FORTY.rounds}",
        f"{overhead:.2f} s",
        "< 2 s",
    )
    figures.add("A slot's gap between two tasks (mean; longest)", f"{mean(gaps):.2f} s; {max(gaps):.2f} s")
    figures.add("From the last task's end to the run's end", f"{uptime() - work.ended:.1f} s")
    figures.add("EC2 API calls a minute while `supervise` runs", f"{ec2_calls_a_minute(run):.0f}")
    figures.add("Processor time of `supervise`, share of one core", f"{100 * processor_share:.0f} %")


def uptime() -> float:
    """Return the seconds since the machine's boot."""
    return float(Path("/proc/uptime").read_text().split()[0])


def share_of_one_core(pid: int, seconds: float) -> float:
    """Watch a process for some seconds, or to its end, and return how much of one core it has used."""
    used, moments = [processor_seconds(pid)], [time.monotonic()]
    while moments[-1] - moments[0] < seconds:
        time.sleep(1)
        with suppress(FileNotFoundError):
            used.append(processor_seconds(pid))
        if len(used) == len(moments):
            break
        moments.append(time.monotonic())
    return (used[-1] - used[0]) / (moments[-1] - moments[0])


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def read_work(run: ObservedRun) -> Work:
    """Return when the tasks ran, from what they have left in the bucket."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for task_id, task in run.snapshot()["tasks"].items():
        begin, end = (float(run.result(task_id, name).split()[0]) for name in ("begin", "end"))
        spans.setdefault(task["attempts"][0]["vm"], []).append((begin, end))
    return Work({vm_id: sorted(found) for vm_id, found in spans.items()})


def ec2_calls_a_minute(run: ObservedRun) -> float:
    """Return how often the EC2 API was called while the controller ran, a minute."""
    supervise = run.instances("supervise")[0]
    began, ended = (timestamp(supervise[name]) for name in ("start_date", "end_date"))
    moments = [
        moment
        for action, times in run.cloud.request_times().items()
        if not action.startswith("s3:") and action != "GetProducts"
        for moment in times
        if began <= moment <= ended
    ]
    return len(moments) / ((ended - began) / 60)


def timestamp(moment: str) -> float:
    """Return the Unix seconds of a time as the API writes it."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
