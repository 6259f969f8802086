"""Lets a hazard loose on the cloud's spot VMs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from airflow_provider_hads.exceptions import HadsError
from airflow_provider_hads.local_cloud.capacity import CapacityBook
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.hazards import Exposed, Hazard, Phase, Strike
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.interruptions import Action, Interruptions
from airflow_provider_hads.local_cloud.lifecycle import in_background

__all__ = ["HazardRunner"]

_log = logging.getLogger(__name__)
TICK_SECONDS = 0.1
_PHASES = {"pending": Phase.BOOTING, "running": Phase.AWAKE}
BY_HAZARD = "hazard"


class HazardRunner:
    """Asks the hazard of the moment what happens, ten times a second, and lets it happen."""

    def __init__(self, ec2: LocalEc2, interruptions: Interruptions, capacity: CapacityBook) -> None:
        self._ec2 = ec2
        self._interruptions = interruptions
        self._capacity = capacity
        self._lock = threading.Lock()
        self._hazard: Hazard | None = None
        threading.Thread(target=self._run, name="hazard", daemon=True).start()

    def set(self, hazard: Hazard | None) -> None:
        """Put a hazard in the place of the one before; None ends it. What sleeps goes on sleeping then."""
        with self._lock:
            self._hazard = hazard
            self._capacity.set_spot_full(False)

    def _run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            with self._lock:
                if self._hazard is not None:
                    self._step(self._hazard)

    def _step(self, hazard: Hazard) -> None:
        with self._ec2.lock:
            machines = {machine.id: machine for machine in self._ec2.machines() if not machine.ended}
            exposed = _exposed(list(machines.values()))
        for instance_id, strike in hazard.step(time.monotonic(), exposed):
            _log.info("hazard: %s %s", strike.value, instance_id)
            self._let_happen(machines[instance_id], strike)
        self._capacity.set_spot_full(hazard.is_full(exposed))

    def _let_happen(self, machine: VmInstance, strike: Strike) -> None:
        def strike_it() -> None:
            try:
                if strike is Strike.RESUME:
                    self._interruptions.resume(machine, by=BY_HAZARD)
                else:
                    action = Action.TERMINATE if strike is Strike.TERMINATE else None
                    self._interruptions.interrupt(machine, action, by=BY_HAZARD)
            except (HadsError, OSError) as error:
                _log.warning("hazard: %s %s: %s", strike.value, machine.id, error)

        in_background(strike_it, f"hazard-{machine.id}")


def _exposed(machines: Sequence[VmInstance]) -> list[Exposed]:
    exposed = []
    for machine in machines:
        request = machine.ec2_backend.spot_request_of(machine)
        if request is None:
            continue
        asleep = machine.state == "stopped" and request.stopped_by_service
        phase = Phase.ASLEEP if asleep else _PHASES.get(machine.state)
        if phase is not None:
            exposed.append(Exposed(machine.id, phase))
    return exposed
