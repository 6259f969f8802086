"""The sensor that waits for an interruption of VMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, TaskInstanceState
from airflow.sdk.configuration import conf

from airflow_provider_hads.operators.run_of_task import told_plainly

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hads.runtime.blocks.interruptions import InterruptionEvent
    from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

__all__ = ["SpotInterruptionSensor"]


class SpotInterruptionSensor(BaseSensorOperator):
    """
    Wait until one of some VMs is hibernated, stopped or terminated, or a notice says that it will be.

    It looks at all VMs with one call. With an SQS queue into which EventBridge puts EC2's events it knows
    within seconds, and of notices too; it deletes the messages about its own VMs, whatever their kind, and
    leaves all others. So sensors of different VMs may share a queue, but two that watch the same VM need a
    queue each (and a target each in EventBridge's rule): what one of them takes, the other never sees, and
    nothing but the queue tells of a notice.

    It returns the interruption (``kind``, ``vm_id``, ``instance_id``, ``reason``, ``source``), or an
    empty mapping where the tasks of ``while_running`` have ended without one.

    :param vms: VMs of one run, as
        :class:`~airflow_provider_hads.operators.provision_vm.ProvisionVmOperator` returns them. (templated)
    :param kinds: which interruptions count: ``hibernated``, ``stopped``, ``terminated``, ``notice``.
    :param while_running: task ids in the same run; it stops waiting when all of them have ended. (templated)
    :param events_queue: name or URL of an SQS queue with EventBridge's EC2 events, one that no other sensor
        of these VMs reads; None is none. (templated)
    :param aws_conn_id: connection for EC2 and SQS. (templated)
    :param deferrable: wait in the triggerer.
    """

    template_fields: Sequence[str] = ("vms", "while_running", "events_queue", "aws_conn_id")
    template_fields_renderers = {"vms": "json"}  # noqa: RUF012
    ui_color = "#f7e3c5"

    def __init__(
        self,
        *,
        vms: Any,
        kinds: Sequence[str] = ("hibernated", "stopped", "terminated", "notice"),
        while_running: Sequence[str] = (),
        events_queue: str | None = None,
        aws_conn_id: str | None = "aws_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(mode="reschedule", poke_interval=poke_interval, **kwargs)
        self.vms = vms
        self.kinds = kinds
        self.while_running = while_running
        self.events_queue = events_queue
        self.aws_conn_id = aws_conn_id
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; then wait in the triggerer, or say that it is to come back later.

        With ``while_running``, it defers only while one of those tasks runs: where one process does
        everything in turn (``airflow dags test``), a trigger would wait for ever for tasks that never begin.
        """
        from airflow_provider_hads.triggers.spot_interruption import all_ended, states_of

        found = self._look()
        if found is not None:
            return self._ended(found.to_xcom())
        ti = context["ti"]
        states = states_of(ti.dag_id, ti.run_id, self.while_running) if self.while_running else []
        if all_ended(states):
            return self._ended(None)
        going_on = {TaskInstanceState.RUNNING, TaskInstanceState.DEFERRED}
        if self.deferrable and (not self.while_running or going_on & set(states)):
            self._defer(ti.dag_id, ti.run_id)
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Return what the trigger has seen."""
        return self._ended(event["interruption"]).xcom_value

    def _look(self) -> InterruptionEvent | None:
        from airflow_provider_hads.exceptions import CloudError
        from airflow_provider_hads.runtime.blocks.sensing import InterruptionSense

        with told_plainly():
            sense = InterruptionSense(self._handles(), self.kinds, self.aws_conn_id, self.events_queue)
            try:
                return sense.look()
            except CloudError as error:  # throttled, perhaps: the next poke looks again
                self.log.warning("The cloud does not tell about the VMs: %s", error)
                return None

    def _handles(self) -> list[VmHandle]:
        from airflow_provider_hads.runtime.blocks.vm_handle import VmHandle

        several = not isinstance(self.vms, (str, Mapping))
        return [VmHandle.from_xcom(vm) for vm in (self.vms if several else [self.vms])]

    def _ended(self, found: dict[str, Any] | None) -> PokeReturnValue:
        if found is None:
            self.log.info("No interruption while %s ran", ", ".join(self.while_running))
        else:
            self.log.info("%s is %s (%s): %s", *(found[key] for key in ("vm_id", "kind", "source", "reason")))
        return PokeReturnValue(is_done=True, xcom_value=found or {})

    def _defer(self, dag_id: str, run_id: str) -> None:
        from airflow_provider_hads.triggers.spot_interruption import SpotInterruptionTrigger

        self.defer(
            trigger=SpotInterruptionTrigger(
                [vm.to_xcom() for vm in self._handles()],
                self.kinds,
                self.aws_conn_id,
                self.events_queue,
                dag_id,
                run_id,
                self.while_running,
                poll_interval=self.poke_interval,
            ),
            timeout=timedelta(seconds=self.timeout),
            method_name="execute_complete",
        )
