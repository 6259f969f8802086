"""The jobs of the tests that interrupt spot VMs: tasks that count, whose output proves how they ran."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tests.support.job_folders import Machine, environment_of, rentable, write_job_folder

__all__ = [
    "BASELINE",
    "DEADLINE_OF_WAITING",
    "DEAR_TYPE",
    "LONG",
    "counted",
    "counting",
    "pauses",
    "quota",
    "write_interrupted_jobs",
]

STEP = 0.5
"""Seconds between two numbers of a task that counts."""

LONG = 60.0
"""Seconds that a task of the job ``back_late`` takes: a late controller still meets the first at work."""

SPOT_TYPE = "r5.large"
"""The spot type of the one job of which all spot VMs hibernate: no other job's capacity is taken."""


DEADLINE_OF_WAITING = 390.0
"""Seconds: that job's deadline."""

DEAR_TYPE = "c5.4xlarge"
"""That job's on-demand type, which is so dear in the cloud's price list that spot VMs are waited for."""


BURSTABLE_TYPE = "t3.small"
"""Of the job ``bursting``: an on-demand VM that runs the plan's tasks in baseline mode."""

BASELINE = 0.2
"""Share of a vCPU that a task gets there in baseline mode."""


def counting(seconds: float) -> str:
    """Return a command that writes a number and the time, again and again, for so many seconds."""
    steps = int(seconds / STEP)
    count = f"while [ $i -lt {steps} ]; do i=$((i+1)); echo $i $(date +%s) >> out; sleep {STEP}; done"
    return f"i=0; {count}"


def telling_its_quota(seconds: float) -> str:
    """Return a command that counts so long, and writes what share of the processor's time it may have."""
    first, second = "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    period = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"
    return f"(cat {first} || cat {second} {period}) 2>/dev/null > quota; {counting(seconds)}"


def quota(output: bytes) -> float | None:
    """Return the share of a vCPU that a task has written; None is all that there is."""
    share, period = output.decode().split()
    return None if share in ("max", "-1") else int(share) / int(period)


def counted(output: bytes) -> list[int]:
    """Return the numbers that a task has written."""
    return [int(line.split()[0]) for line in output.decode().splitlines()]


def pauses(output: bytes) -> float:
    """Return the longest time between two numbers, seconds."""
    times = [int(line.split()[1]) for line in output.decode().splitlines()]
    return max(after - before for before, after in pairwise(times))


def write_interrupted_jobs(folder: Path) -> None:
    """Write all job folders."""
    for name in ("gone", "gone_deployed"):
        _write(folder / name, 30, [_tasks(12)[first::3] for first in range(3)])
    _write(folder / "back_soon", 45, [_tasks(4)[:2], _tasks(4)[2:]])
    long, own, short = _tasks(14)[:10], _tasks(14)[10:12], _tasks(14)[12:]
    _write(folder / "back_late", LONG, [long, own, short], policy="burst-hads")
    _write(
        folder / "all_gone",
        45,
        [_tasks(4)[:2], _tasks(4)[2:]],
        instance_type=SPOT_TYPE,
        deadline=DEADLINE_OF_WAITING,
        reserve=70,  # a busy machine is slow to boot VMs, and a task on it slow to count
    )
    _write_bursting(folder / "bursting")
    _write(folder / "warned", 80, [["t0"], ["t1"], ["t2", "t3"]])


def _write_bursting(folder: Path) -> None:
    """Write a job of two long tasks on a spot VM, and of a short one on a burstable VM."""
    types = {
        **rentable({"c5.large": (4.0, 0.085)}),
        **rentable({BURSTABLE_TYPE: (2.0, 0.0208)}, ["on-demand"]),
    }
    # Credits come as fast as a test needs them: a task of a minute takes one.
    types[BURSTABLE_TYPE]["restrictions"]["burstable"] = {
        "burstable": "yes",
        "cpu_credit_rate": 6000,
        "baseline": 100 * BASELINE,
    }
    write_job_folder(
        folder,
        {"t0": telling_its_quota(60), "t1": telling_its_quota(60), "t2": telling_its_quota(5)},
        [Machine(["t0", "t1"], "spot"), Machine(["t2"], instance_type=BURSTABLE_TYPE)],
        job_id=folder.name,
        deadline=900,
        runtime=60,
        settings={"scheduler": {"policy": "burst-hads", "status_update_time": "1", "reaction": "5"}},
        environment=environment_of(types),
    )


def _tasks(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


def _write(
    folder: Path,
    seconds: float,
    queues: Sequence[Sequence[str]],
    *,
    policy: str = "adaptive",
    instance_type: str = "c5.large",
    deadline: float = 900,
    reserve: float = 0,
) -> None:
    """Write a job of tasks t0, t1, ... that take as long, with a plan of one spot VM for each queue.

    :param reserve: seconds by which they are said to take longer.
    """
    both = rentable({"c5.large": (4.0, 0.085)})
    alone = rentable({SPOT_TYPE: (16.0, 0.12)}, ["preemptible"])
    on_demand = rentable({DEAR_TYPE: (4.0, 0.68)}, ["on-demand"])
    own = instance_type == SPOT_TYPE
    write_job_folder(
        folder,
        dict.fromkeys(_tasks(sum(map(len, queues))), counting(seconds)),
        [Machine(queue, "spot", instance_type) for queue in queues],
        job_id=folder.name,
        deadline=deadline,
        runtime=seconds + reserve,
        settings={"scheduler": {"policy": policy, "status_update_time": "1", "reaction": "5"}},
        environment=environment_of({**alone, **on_demand} if own else both),
    )
