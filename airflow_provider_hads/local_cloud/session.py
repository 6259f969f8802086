"""What a session needs to use a local cloud: connections, key, bucket, AMI, workload images."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_hads.cloud.event_messages import DETAIL_TYPES
from airflow_provider_hads.exceptions import CloudError
from airflow_provider_hads.local_cloud.engine import DockerEngine
from airflow_provider_hads.local_cloud.state import ServerState, StateFolder
from airflow_provider_hads.storage.layout import image_key

__all__ = ["BUCKET", "EVENTS_QUEUE", "REGION", "make_events_queue", "make_session", "upload_image"]

BUCKET = "hads-local"
REGION = "us-east-1"
EVENTS_QUEUE = "hads-events"
INSTANCE_PROFILE = "hads-vm"
ACCESS_KEY = "AKIALOCALCLOUD000000"
EVENTS_KEPT_SECONDS = 300
"""After that a description has told all of it; and each look goes through all that the queue has."""


def make_session(
    folder: StateFolder, server: ServerState, events_queue: str = "", ending_pause: float = 10.0
) -> dict[str, str]:
    """Make the client key and write the environment file.

    :param events_queue: name of the SQS queue with EC2's events; empty for none.
    :param ending_pause: seconds between two looks whether all of a run has ended.
    :return: the environment file's variables.
    """
    private_key = _new_private_key()
    folder.write_private(folder.key_file, private_key)
    aws = {
        "conn_type": "aws",
        "login": ACCESS_KEY,
        "password": secrets.token_urlsafe(30),
        "extra": {
            "endpoint_url": server.endpoint_url,
            "vm_endpoint_url": server.vm_endpoint_url,
            "region_name": REGION,
            # For whoever wants the local cloud to interrupt VMs: a real one takes no such orders.
            "local_cloud_token": server.control_token,
        },
    }
    ssh = {"conn_type": "ssh", "extra": {"private_key": private_key}}
    variables = {
        "AIRFLOW_CONN_HADS_LOCAL_AWS": json.dumps(aws),
        "AIRFLOW_CONN_HADS_LOCAL_SSH": json.dumps(ssh),
        "AIRFLOW__HADS__AWS_CONN_ID": "hads_local_aws",
        "AIRFLOW__HADS__SSH_CONN_ID": "hads_local_ssh",
        "AIRFLOW__HADS__BUCKET": BUCKET,
        "AIRFLOW__HADS__IMAGE_ID": server.image_id,
        "AIRFLOW__HADS__INSTANCE_PROFILE": INSTANCE_PROFILE,
        "AIRFLOW__HADS__ENDING_PAUSE": f"{ending_pause:g}",
    }
    if events_queue:
        variables["AIRFLOW__HADS__EVENTS_QUEUE"] = events_queue
    folder.write_environment(variables)
    return variables


def make_events_queue(sqs: Any, events: Any, name: str) -> str:
    """Make a queue, and the rule that puts EC2's events about instances there.

    :param sqs: boto3 client.
    :param events: boto3 client of EventBridge.
    :return: the queue's URL.
    """
    attributes = {"MessageRetentionPeriod": str(EVENTS_KEPT_SECONDS)}
    url = str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.ec2"], "detail-type": sorted(DETAIL_TYPES)}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def _new_private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def upload_image(engine: DockerEngine, s3: Any, image: str, scratch: Path) -> None:
    """Save a Docker image of this machine into the bucket.

    :param s3: boto3 client.
    :param scratch: folder with room for the image.
    :raises CloudError: the engine has no such image.
    """
    if not engine.image_exists(image):
        raise CloudError(f"The Docker engine has no image {image!r} for the bucket: build or pull it first")
    with tempfile.TemporaryFile(dir=scratch) as tar:
        for block in engine.stream(f"/images/{image}/get"):
            tar.write(block)
        tar.seek(0)
        s3.upload_fileobj(tar, BUCKET, image_key(image))
