"""A cloud in a box, for laptops and tests: EC2, S3, SQS and prices on one port, VMs as containers."""

from __future__ import annotations

from airflow_provider_hads.local_cloud.cloud import LocalCloud
from airflow_provider_hads.local_cloud.startup import UpOptions
from airflow_provider_hads.local_cloud.status import BillItem, CloudVm, Happening, total_cost

__all__ = ["BillItem", "CloudVm", "Happening", "LocalCloud", "UpOptions", "total_cost"]
