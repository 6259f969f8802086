"""The cloud's real side: a run's fleet on EC2, its prices, and its end.

No module of it imports boto3, botocore or an Airflow hook at its top: each may be imported where a DAG
file is parsed.
"""
