"""The provider's Airflow plugin."""
