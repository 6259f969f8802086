"""What can go wrong on a local cloud, on demand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.control_client import ControlClient
from airflow_provider_hads.local_cloud.faults import FAIL_BEFORE, Fault
from airflow_provider_hads.local_cloud.status import Happening

__all__ = ["Trouble"]


class Trouble:
    """The part of :class:`~airflow_provider_hads.local_cloud.LocalCloud` that makes VMs and API calls fail.

    VMs are named by instance id, by VM id (tag ``hads:vm``) or by name (tag ``Name``).
    """

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def interrupt(self, vm: str, action: str | None = None, notice: float = 0.0) -> str:
        """Interrupt a spot VM that runs, as EC2 does when it wants the capacity back.

        A hibernated VM is frozen: it does not answer, its memory stays, and nothing is billed. With a notice
        this returns at once; without, when it has happened (a terminated VM may still be going).

        :param vm: instance id, VM id (tag ``hads:vm``) or name (tag ``Name``).
        :param action: ``hibernate``, ``stop`` or ``terminate``; None is what the VM's spot request says.
        :param notice: seconds from the notice, in the VM's metadata, to a stop or termination.
        :return: the action.
        :raises CloudError: EC2 would not do that to this VM; the message says why.
        """
        order = {"vm": vm, "action": action, "notice": notice}
        return str(self._control.post("interrupt", order))

    def resume(self, vm: str, fresh_boot: bool = False) -> None:
        """Bring a stopped or hibernated VM back, with another address than before; return when it runs.

        :param vm: instance id, VM id or name.
        :param fresh_boot: it boots from its disk, as EC2 does where hibernation had failed: its memory is
            gone, and its boot id is a new one.
        :raises CloudError: the VM is not stopped.
        """
        self._control.post("resume", {"vm": vm, "fresh_boot": fresh_boot})

    def recommend_rebalance(self, vm: str) -> None:
        """Tell a spot VM that it is at a higher risk of interruption than usual.

        :param vm: instance id, VM id or name.
        :raises CloudError: it is no spot VM that runs.
        """
        self._control.post("rebalance", {"vm": vm})

    def hazard(
        self,
        hibernation_rate: float,
        resume_rate: float,
        termination_rate: float = 0.0,
        seed: int | None = None,
    ) -> None:
        """Interrupt and resume spot VMs at random from now on, in place of an earlier hazard.

        A VM's draws follow from the seed and from the how-manieth spot VM it is.

        :param hibernation_rate: interruptions a second of each VM that runs; each does what the VM's spot
            request says.
        :param resume_rate: resumes a second of each VM that is hibernated or stopped.
        :param termination_rate: terminations a second of each VM that runs.
        :param seed: None is another one each time.
        :raises CloudError: a rate is not right.
        """
        rates = {"hibernation": hibernation_rate, "resume": resume_rate, "termination": termination_rate}
        self._control.post("hazard", {"rates": rates, "trace": None, "seed": seed})

    def hazard_of_trace(self, trace: Path, seed: int | None = None, speed: float = 1.0) -> None:
        """Let as many spot VMs live as a recorded trace had available, from now on.

        :param trace: a JSON file with ``metadata.gap_seconds`` and ``data``, the VMs available in each tick.
        :param seed: of the place in the trace where it begins; None is its first tick.
        :param speed: seconds of the trace in one second.
        :raises CloudError: the file is no trace.
        """
        try:
            document = json.loads(trace.read_text())
        except (OSError, ValueError) as error:
            raise CloudError(f"{trace}: no trace can be read there: {error}") from None
        self._control.post("hazard", {"trace": document, "seed": seed, "speed": speed})

    def end_hazard(self) -> None:
        """Interrupt and resume nothing more by itself; what sleeps goes on sleeping."""
        self._control.delete("hazard")

    def history(self) -> list[Happening]:
        """Return all interruptions and resumes, by hand and by hazard, in order."""
        return [Happening(**item) for item in self._control.get("history")]

    def fault(
        self,
        action: str,
        mode: str = FAIL_BEFORE,
        code: str = "InternalError",
        status: int = 500,
        count: int = 1,
        match: str = "",
        delay: float = 0.0,
    ) -> None:
        """Let the next calls of an action fail; see :class:`~airflow_provider_hads.local_cloud.faults.Fault`.

        A client retries errors of status 5xx by itself: give a count above its number of tries to be heard.
        """
        self._control.post("faults", asdict(Fault(action, mode, code, status, count, match, delay)))

    def fault_rate(self, kind: str, rate: float, seed: int | None = None, delay: float = 2.0) -> None:
        """Let a share of all EC2 calls go wrong, from now on.

        :param kind: ``throttle`` (RequestLimitExceeded), ``error`` (InternalError) or ``slow``.
        :param rate: 0 to 1; 0 ends it.
        :param seed: of the draws, one for each EC2 call; None is a new one each time.
        :param delay: seconds by which a slow call is late.
        :raises CloudError: one of these is not right; the message says which.
        """
        document = {"kind": kind, "rate": rate, "seed": seed, "delay": delay}
        self._control.post("fault-rates", document)

    def no_capacity(self, what: str, off: bool = False) -> None:
        """Have no capacity of an instance type for launches; what runs goes on.

        RunInstances answers InsufficientInstanceCapacity; a persistent spot request that is to launch again
        stays open with the status ``capacity-not-available``.

        :param what: ``TYPE`` or ``TYPE:MARKET`` (``spot``, ``on-demand``); the type ``*`` means all.
        :param off: have capacity again.
        :raises CloudError: ``what`` is not right.
        """
        self._control.post("capacity", {"what": what, "off": off})

    def refuse_ssh(self, vm: str | None = None) -> None:
        """Let a VM reset every SSH connection.

        :param vm: instance id, VM id or name; None is all VMs, those to come included.
        :raises CloudError: there is no such VM, or it is frozen.
        """
        self._control.post("ssh", {"vm": vm, "refused": True})

    def accept_ssh(self, vm: str | None = None) -> None:
        """End what :meth:`refuse_ssh` has begun."""
        self._control.post("ssh", {"vm": vm, "refused": False})

    def change_host_key(self, vm: str) -> None:
        """Give a VM other host keys, as if another machine had its address.

        :param vm: instance id, VM id or name.
        :raises CloudError: there is no such VM, or it is frozen.
        """
        self._control.post("host-key", {"vm": vm})

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet, all rates of faults, and all shortages."""
        self._control.delete("faults")
