"""A VM of the local cloud is a machine: SSH, Docker, user data, metadata."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import paramiko
import pytest
from botocore.exceptions import ClientError

from airflow_provider_hads.local_cloud import LocalCloud
from tests.support.local_vms import (
    busybox_image,
    connection,
    eventually,
    launch,
    new_host_key,
    run,
    user_data,
    wait_for_state,
)

pytestmark = pytest.mark.docker

METADATA = "http://169.254.169.254/latest"
READ_METADATA = f"""
import sys, urllib.request as web
token = web.urlopen(web.Request("{METADATA}/api/token", method="PUT",
    headers={{"X-aws-ec2-metadata-token-ttl-seconds": "60"}}), timeout=5).read().decode()
for path in sys.argv[1:]:
    request = web.Request("{METADATA}/" + path, headers={{"X-aws-ec2-metadata-token": token}})
    print(web.urlopen(request, timeout=5).read().decode())
"""


def bucket_of_vms(cloud: LocalCloud, key: str, secret: str, token: str | None = None) -> Any:
    """An S3 client of the endpoint that VMs use."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=cloud.vm_endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def test_a_vm_answers_over_ssh_and_runs_containers(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key))

    with connection(cloud, vm, host_key[1]) as ssh:
        eventually(lambda: run(ssh, "sudo -n docker info --format '{{.ServerVersion}}' || true").strip())
        run(ssh, "sudo -n docker import - box", stdin=busybox_image())
        limits = "--memory 64m --cpus 0.5 --network none"
        output = run(ssh, f"sudo -n docker run --rm {limits} box /bin/busybox echo from inside")

    assert output == "from inside\n"


def test_a_vm_shows_the_host_key_of_its_user_data_and_no_other(cloud: LocalCloud) -> None:
    vm = launch(cloud, UserData=user_data(cloud, new_host_key()))
    wait_for_state(cloud, vm, "running")

    with pytest.raises(paramiko.BadHostKeyException), connection(cloud, vm, new_host_key()[1]):
        pass


def test_user_data_is_applied_once_and_per_boot_scripts_run(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    files = [
        {"path": "/opt/secret", "content": base64.b64encode(b"\x00\xff").decode(), "encoding": "b64"},
        {
            "path": "/var/lib/cloud/scripts/per-boot/count",
            "content": "#!/bin/sh\necho boot >> /opt/boots\n",
            "permissions": "0755",
        },
    ]
    more = {"write_files": files, "runcmd": [["touch", "/opt/ran"], "echo shell > /opt/line"]}
    vm = launch(cloud, UserData=user_data(cloud, host_key, **more))

    with connection(cloud, vm, host_key[1]) as ssh:
        eventually(lambda: run(ssh, "cat /opt/line 2>/dev/null || true"))
        assert run(ssh, "cat /opt/boots") == "boot\n"
        assert run(ssh, "od -An -tx1 /opt/secret").split() == ["00", "ff"]
        assert run(ssh, "ls /opt/ran") == "/opt/ran\n"
        assert run(ssh, "sudo -n id -u") == "0\n"


def test_a_mistake_in_the_user_data_shows_on_the_console(cloud: LocalCloud) -> None:
    vm = launch(cloud, UserData='#cloud-config\n{"write_filse": []}')
    ec2 = cloud.client("ec2")

    console = eventually(
        lambda: [
            text for text in [ec2.get_console_output(InstanceId=vm).get("Output", "")] if "ERROR" in text
        ]
    )

    assert "cloud-config: ERROR: unknown key 'write_filse'" in console[0]


def test_the_metadata_service_knows_its_vm(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key), InstanceType="c5.large")
    paths = "meta-data/instance-id meta-data/instance-type meta-data/placement/region"

    with connection(cloud, vm, host_key[1]) as ssh:
        output = run(ssh, f"python3 - {paths}", stdin=READ_METADATA.encode())

    assert output.split() == [vm, "c5.large", "us-east-1"]


def test_only_a_vms_own_credentials_open_the_bucket_to_vms(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    account = json.loads(cloud.environment()["AIRFLOW_CONN_HADS_LOCAL_AWS"])
    documents = []
    for _ in range(2):
        vm = launch(cloud, UserData=user_data(cloud, host_key), IamInstanceProfile={"Name": "hads-vm"})
        with connection(cloud, vm, host_key[1]) as ssh:
            script = "python3 - meta-data/iam/security-credentials/hads-vm"
            documents.append(json.loads(run(ssh, script, stdin=READ_METADATA.encode())))

    for document in documents:
        s3 = bucket_of_vms(cloud, document["AccessKeyId"], document["SecretAccessKey"], document["Token"])
        s3.put_object(Bucket=cloud.bucket, Key=f"vms/{document['AccessKeyId']}", Body=b"mine")
    found = s3.list_objects_v2(Bucket=cloud.bucket, Prefix="vms/")["Contents"]
    assert {item["Key"] for item in found} == {f"vms/{document['AccessKeyId']}" for document in documents}
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        bucket_of_vms(cloud, account["login"], account["password"]).list_objects_v2(Bucket=cloud.bucket)


def test_credentials_need_a_profile_and_a_token(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key), MetadataOptions={"HttpTokens": "required"})
    status = (
        "import sys, urllib.request as web, urllib.error\n"
        "try: web.urlopen(sys.argv[1], timeout=5)\n"
        "except urllib.error.HTTPError as error: print(error.code)\n"
    )

    with connection(cloud, vm, host_key[1]) as ssh:
        without_token = run(ssh, f"python3 - {METADATA}/meta-data/", stdin=status.encode())
        listing = run(ssh, "python3 - meta-data/", stdin=READ_METADATA.encode())

    assert without_token == "401\n"
    assert "iam/" not in listing.split()
    assert "spot/" not in listing.split()


def test_a_container_does_not_reach_the_metadata_service(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    vm = launch(cloud, UserData=user_data(cloud, host_key))

    with connection(cloud, vm, host_key[1]) as ssh:
        eventually(lambda: run(ssh, "sudo -n docker info --format '{{.ServerVersion}}' || true").strip())
        run(ssh, "sudo -n docker import - box", stdin=busybox_image())
        wget = f"/bin/busybox wget -q -T 2 -O - {METADATA}/meta-data/instance-id"
        output = run(ssh, f"sudo -n docker run --rm box {wget} 2>&1 || echo refused")

    assert "refused" in output
    assert vm not in output


def test_each_boot_has_a_boot_id_of_its_own(cloud: LocalCloud) -> None:
    host_key = new_host_key()
    ids = set()
    for vm in [launch(cloud, UserData=user_data(cloud, host_key)) for _ in range(2)]:
        with connection(cloud, vm, host_key[1]) as ssh:
            ids.add(run(ssh, "cat /proc/sys/kernel/random/boot_id"))

    assert len(ids) == 2
