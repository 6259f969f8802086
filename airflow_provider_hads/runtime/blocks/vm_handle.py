"""A VM as tasks of a hand-written DAG hand it on to each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_hads.exceptions import InputError
from airflow_provider_hads.model.environment import Market
from airflow_provider_hads.model.identifiers import RunIdentity

__all__ = ["VmHandle"]


@dataclass(frozen=True)
class VmHandle:
    """One VM that a task has provisioned; it holds nothing secret, and no address, for that changes.

    :param run: whose it is: the tag by which it is found, and the folder of its tasks in the bucket.
    :param vm_id: its name within the run.
    :param instance_id: EC2's.
    :param hibernation: an interruption hibernates it.
    :param slots: tasks at once.
    :param memory: MB of RAM.
    :param user: who logs in.
    :param region: None is the AWS connection's own.
    """

    run: RunIdentity
    vm_id: str
    instance_id: str
    instance_type: str
    market: Market
    hibernation: bool
    slots: int
    memory: float
    user: str
    region: str | None = None

    def to_xcom(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {**asdict(self), "market": self.market.value}

    @classmethod
    def from_xcom(cls, value: Any) -> VmHandle:
        """Read what :meth:`to_xcom` gave.

        :param value: that, or its JSON text, as a rendered template gives it.
        :raises InputError: it is something else.
        """
        try:
            known: Mapping[str, Any] = json.loads(value) if isinstance(value, str) else value
            run = RunIdentity(**known["run"])
            rest = {name: part for name, part in known.items() if name not in ("run", "market")}
            return cls(run=run, market=Market(known["market"]), **rest)
        except (ValueError, TypeError, KeyError) as error:
            problem = f"{str(value)[:80]!r} is no VM: give what a ProvisionVmOperator returns"
            raise InputError("task", "vm", problem) from error
