"""The simulator: the controller at work in a cloud that is an event heap."""

from __future__ import annotations

from airflow_provider_hads.simulation.billing import Billing
from airflow_provider_hads.simulation.experiment import Experiment, Summary, run_experiment
from airflow_provider_hads.simulation.run import Outcome, simulate
from airflow_provider_hads.simulation.setting import OnLoss, Scope, Setting

__all__ = [
    "Billing",
    "Experiment",
    "OnLoss",
    "Outcome",
    "Scope",
    "Setting",
    "Summary",
    "run_experiment",
    "simulate",
]
