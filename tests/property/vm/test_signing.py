"""Our signature is botocore's, whatever the key is called."""

from __future__ import annotations

import calendar
import hashlib
import time
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hads.vm.runner.signing import sign

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
ROLES = st.fixed_dictionaries(
    {"AccessKeyId": st.just("AKIDEXAMPLE"), "SecretAccessKey": st.just("a/secret+key")},
    optional={"Token": st.just("a-session-token/+=")},
)
QUERIES = st.sampled_from(["", "uploads=", "partNumber=12&uploadId=a%2Fb~c", "uploadId=x%20y"])


@given(
    method=st.sampled_from(["GET", "PUT", "POST"]),
    key=KEYS,
    query=QUERIES,
    body=st.binary(max_size=20),
    role=ROLES,
    region=st.sampled_from(["us-east-1", "cn-north-1"]),
)
def test_it_signs_as_botocore_does(
    method: str, key: str, query: str, body: bytes, role: dict[str, str], region: str
) -> None:
    url = f"http://127.0.0.1:9000/bucket/{quote(key, safe='/~')}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, data=body)
    credentials = Credentials(role["AccessKeyId"], role["SecretAccessKey"], role.get("Token"))
    S3SigV4Auth(credentials, "s3", region).add_auth(request)
    now = calendar.timegm(time.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    headers = sign(method, url, hashlib.sha256(body).hexdigest(), role, region, now)
    assert headers["authorization"] == request.headers["Authorization"]
