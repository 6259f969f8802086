"""``python -m airflow_provider_hads.local_cloud up|down|status|...``, without the start of Airflow."""

from __future__ import annotations

import sys

from airflow_provider_hads.commands.local_cloud import main

if __name__ == "__main__":
    sys.exit(main())
