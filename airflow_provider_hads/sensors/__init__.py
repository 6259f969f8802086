"""The provider's sensors; the one named here is for hand-written DAGs, the others make the generated one."""

from airflow_provider_hads.sensors.spot_interruption import SpotInterruptionSensor

__all__ = ["SpotInterruptionSensor"]
