"""An EC2 instance whose state follows a real machine."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance, InstanceState, StateReason

from airflow_provider_hads.local_cloud.meter import Meter

__all__ = [
    "HIBERNATED_BY_USER",
    "INITIATED_BY_INSTANCE",
    "INITIATED_BY_USER",
    "LAUNCH_FAILED",
    "SPOT_HIBERNATION",
    "SPOT_STOP",
    "SPOT_TERMINATION",
    "Reason",
    "VmInstance",
]

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

Reason = tuple[str, str]
"""EC2's code and message of a change of state."""

INITIATED_BY_USER: Reason = ("Client.UserInitiatedShutdown", "User initiated shutdown")
INITIATED_BY_INSTANCE: Reason = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
HIBERNATED_BY_USER: Reason = ("Client.UserInitiatedHibernate", "User initiated hibernate")
# EC2 documents one code for spot instances that it stops, hibernated ones included.
SPOT_STOP: Reason = ("Server.SpotInstanceShutdown", "Spot instance stopped: no capacity")
SPOT_HIBERNATION: Reason = ("Server.SpotInstanceShutdown", "Spot instance hibernated: no capacity")
SPOT_TERMINATION: Reason = ("Server.SpotInstanceTermination", "Spot instance terminated: no capacity")
LAUNCH_FAILED = "Server.InternalError"


class VmInstance(Instance):
    """moto's instance, less its instant changes of state.

    All changes are made under the cloud's lock.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.address: str | None = None
        self.console = ""
        self.container_ready = threading.Event()
        self.launched_at = _this_second()
        self.meter = Meter(self.launched_at)
        self.price: float | None = None
        self.boots = 1
        self.frozen = False
        self.ended_at: datetime | None = None
        self.spot_instance_request_id: str | None = None
        self.profile_name: str | None = None
        self.notice: str | None = None
        self.termination_time: str | None = None
        self.rebalance: str | None = None
        self.cpu_credits: str | None = None
        super().__init__(*args, **kwargs)
        self.launch_time = self.launched_at.replace(tzinfo=None)
        for interface in self.nics.values():
            interface.delete_on_termination = True
            interface.attach_time = self.launch_time
        self.move_to("pending")

    @property
    def market(self) -> str:
        """``spot`` or ``on-demand``."""
        return "spot" if self.lifecycle == "spot" else "on-demand"

    @property
    def credit_specification(self) -> dict[str, str]:
        """How its CPU credits are accounted for, as asked for or by EC2's default."""
        default = "standard" if self.instance_type.startswith("t2.") else "unlimited"
        return {"InstanceId": self.id, "CpuCredits": self.cpu_credits or default}

    @property
    def ended(self) -> bool:
        """Whether the machine is going or gone."""
        return self.state in ("shutting-down", "terminated")

    def move_to(self, state: str, reason: Reason | None = None) -> None:
        """Change the state.

        :param state: EC2's name of it.
        :param reason: why; None clears the reason, as EC2 does for a running instance.
        """
        self._set_state(state)
        if reason is None:
            self._reason, self.state_reason = "", StateReason()
            return
        code, message = reason
        initiator = "User" if code.startswith("Client.User") else "Service"
        moment = self.ended_at if self.ended and self.ended_at else _this_second()
        self._reason = f"{initiator} initiated ({moment:%Y-%m-%d %H:%M:%S} GMT)"
        self.state_reason = StateReason(f"{code}: {message}", code)

    def _set_state(self, state: str) -> None:
        """Change the state; its reason stays as it is."""
        # A fresh object each time: answers already given out hold the old one.
        self._state = InstanceState(state, _CODES[state])
        self.ec2_backend.lifecycle.events.state_changed(self)

    def mark_running(self, address: str) -> None:
        """Say that the machine is on.

        :param address: where this machine reaches it.
        """
        self.address = address
        self.nics[0].public_ip = address
        self.move_to("running")

    def begin_stop(self, reason: Reason, frozen: bool) -> None:
        """Say that the machine is being stopped or hibernated; billing stands still from now on.

        :param frozen: its memory stays.
        """
        self.meter.stop(_this_second())
        self.frozen = frozen
        if not frozen:
            self.boots += 1
        self.move_to("stopping", reason)

    def not_frozen(self) -> None:
        """Say that the machine of an instance that is ``stopping`` is shut down instead of frozen."""
        self.frozen = False
        self.boots += 1

    def finish_stop(self) -> None:
        """Say that the machine is off, or frozen."""
        self.address = None
        self.nics[0].public_ip = None
        self._forget_notice()
        self._set_state("stopped")

    def begin_start(self, keep_memory: bool) -> None:
        """Say that the machine is coming back; EC2 sets the launch time anew then.

        :param keep_memory: it goes on if it is frozen; else it boots.
        """
        moment = _this_second()
        self.meter.start(moment)
        if not (self.frozen and keep_memory):
            self.boots += 1
        self.launch_time = moment.replace(tzinfo=None)
        self.move_to("pending")

    def _forget_notice(self) -> None:
        self.notice = self.termination_time = self.rebalance = None

    def begin_end(self, reason: Reason) -> None:
        """Say that the machine is being removed; billing ends now."""
        self.ended_at = self.ended_at or _this_second()
        self.meter.stop(self.ended_at)
        self.move_to("shutting-down", reason)

    def finish_end(self) -> None:
        """Say that the machine is gone: volumes and network interfaces go too."""
        code, message = self.state_reason.code, self.state_reason.message.partition(": ")[2]
        # moto's own terminate() takes volumes, interfaces and the profile's association away.
        super().terminate()
        self.move_to("terminated", (code, message))
        self.address = None

    def terminate(self) -> InstanceState:
        """Begin to end the instance, once; the answer is the state before.

        The cloud's :class:`Lifecycle` takes it from here.
        """
        previous = self._state
        if not self.ended:
            self.begin_end(INITIATED_BY_USER)
            self.ec2_backend.lifecycle.end(self)
        return previous

    @property
    def public_ip(self) -> str | None:
        """The container's address, once there is one."""
        return self.address

    @property
    def public_ip_address(self) -> str | None:
        """The same, by the name under which answers look for it."""
        return self.address

    @property
    def private_ip(self) -> str | None:
        """The container's address; before there is one, what moto gave the interface."""
        return self.address or super().private_ip

    @property
    def private_ip_address(self) -> str | None:
        """The same, by the name under which answers look for it."""
        return self.private_ip

    @property
    def network_interfaces(self) -> list[NetworkInterface]:
        """None are left of a terminated instance."""
        return [] if self.state == "terminated" else super().network_interfaces


def _this_second() -> datetime:
    """Return the time as EC2 tells it, and bills by it: in whole seconds."""
    return datetime.now(timezone.utc).replace(microsecond=0)
