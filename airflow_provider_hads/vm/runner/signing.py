"""AWS Signature Version 4 for S3."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["sign"]


def sign(
    method: str, url: str, digest: str, role: Mapping[str, str], region: str, now: float
) -> dict[str, str]:
    """Return the headers of a signed request.

    :param url: path and query are quoted already.
    :param digest: SHA-256 of the body, hexadecimal.
    :param role: ``AccessKeyId``, ``SecretAccessKey`` and ``Token`` as the metadata service gives them.
    :param now: Unix seconds.
    """
    parts = urlsplit(url)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if role.get("Token"):
        headers["x-amz-security-token"] = role["Token"]
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    query = "&".join(sorted(parts.query.split("&")))
    request = "\n".join((method, parts.path, query, lines, ";".join(names), digest))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = ("AWS4" + role["SecretAccessKey"]).encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={role['AccessKeyId']}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={key.hex()}"
    )
    return headers
