"""A job's files as a short text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from airflow_provider_hads.inputs import JobInputs
from airflow_provider_hads.model import Environment, InstanceType, Job, Market

__all__ = ["render_check"]

_HEADER = ("type", "vCPUs", "memory MB", "spot $/h", "limit", "on-demand $/h", "limit", "tasks", "work s")


def render_check(inputs: JobInputs) -> str:
    """Return what a job's files say: job, types, limits, map, deadline, notes; one line of text each."""
    facts = [
        _job_line(inputs.job),
        *_table(inputs),
        _limits_line(inputs.environment),
        _files_line(inputs),
        _map_line(inputs),
        _deadline_line(inputs),
    ]
    return "\n".join([*facts, *(f"Note: {note}" for note in (*inputs.notes, *_key_notes(inputs)))])


def _job_line(job: Job) -> str:
    memory = max(task.memory for task in job.tasks.values())
    return (
        f"Job {job.id} ({_printable(job.name)}): {_number(len(job.tasks), 'task')}, up to {memory:g} MB each"
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _table(inputs: JobInputs) -> list[str]:
    """Return the instance types with the total work of the tasks that have a runtime on them."""
    types = inputs.environment.instance_types.values()
    rows = [_HEADER, *(_type_row(one, inputs.job) for one in types)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return ["  " + _aligned(row, widths) for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others])


def _type_row(instance_type: InstanceType, job: Job) -> tuple[str, ...]:
    runtimes = [
        task.runtimes[instance_type.name]
        for task in job.tasks.values()
        if instance_type.name in task.runtimes
    ]
    name = f"{instance_type.name}{' (burstable)' if instance_type.burstable else ''}"
    markets = [cell for market in Market for cell in _market_cells(instance_type, market)]
    size = (str(instance_type.vcpus), f"{instance_type.memory:g}")
    return (name, *size, *markets, str(len(runtimes)), f"{sum(runtimes):g}")


def _market_cells(instance_type: InstanceType, market: Market) -> tuple[str, str]:
    if not instance_type.offers(market):
        return "-", "-"
    return f"{instance_type.price(market):g}", str(instance_type.limit(market))


def _limits_line(environment: Environment) -> str:
    limits = " and ".join(f"{environment.global_limit(market)} {market}" for market in Market)
    return f"Limits: {limits} VMs at once"


def _files_line(inputs: JobInputs) -> str:
    count = sum(len(files) for files in inputs.application_files.values())
    size = sum(file.size for files in inputs.application_files.values() for file in files)
    tasks = _number(len(inputs.application_files), "task")
    return f"Files: {count} for {tasks}, {size} bytes" if count else "Files: none for any task"


def _map_line(inputs: JobInputs) -> str:
    plan = inputs.plan
    if plan is None:
        return f"Map: none; the planner {inputs.settings.scheduler.name} makes the plan"
    kinds = Counter(f"{vm.market} {vm.instance_type}" for vm in plan.vms)
    vms = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    name = inputs.files["map.json"].name
    return f"Map: {name}: {vms or 'no VMs'}; ends at {plan.makespan:g} s, ${plan.cost:.5f} without boot"


def _deadline_line(inputs: JobInputs) -> str:
    if inputs.deadline is None:
        return "Deadline: none; give the parameter deadline_seconds when you trigger the DAG"
    return f"Deadline: {inputs.deadline:g} s ({inputs.deadline_source})"


def _key_notes(inputs: JobInputs) -> Iterator[str]:
    """Yield a line if the private key can't be read here. It is no error: only the workers need it."""
    said = inputs.settings.communication
    path = os.path.join(said.key_path or "", said.key_file or "")
    if said.key_file and not (os.path.isfile(path) and os.access(path, os.R_OK)):
        missing = f"no file {path} can be read on this machine; every worker needs it"
        yield f"setup.cfg: [communication] key_path, key_file: {missing}"
