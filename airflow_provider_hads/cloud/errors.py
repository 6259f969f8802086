"""AWS errors as errors of this provider, with what to do about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_hads.exceptions import (
    CapacityError,
    CloudError,
    CloudTimeout,
    QuotaError,
    ThrottledError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = [
    "ADVICE",
    "GONE_CODES",
    "PERMISSION_CODES",
    "cloud_error",
    "code_of_cause",
    "error_code",
    "translated",
    "unless_gone",
]

_NEXT_TYPE = "another type, zone or market may have some; it is tried again later"
_CAPACITY = {
    "InsufficientInstanceCapacity": f"EC2 has no such VM now; {_NEXT_TYPE}",
    "InsufficientCapacity": f"EC2 has no such VM now; {_NEXT_TYPE}",
    "InsufficientHostCapacity": f"EC2 has no such VM now; {_NEXT_TYPE}",
    "SpotMaxPriceTooLow": f"the spot price is above the limit of the request; {_NEXT_TYPE}",
    "Unsupported": "this zone does not have the type, or not with these options: "
    "leave out [ec2] zone and subnet_id, or take the type out of env.json",
}
_ASK_FOR_MORE = "ask for more in the Service Quotas console, or lower the limits in env.json"
_QUOTA = {
    "VcpuLimitExceeded": f"the account's vCPU quota is used up: {_ASK_FOR_MORE}",
    "InstanceLimitExceeded": f"the account's quota of instances is used up: {_ASK_FOR_MORE}",
    "MaxSpotInstanceCountExceeded": f"the account's spot quota is used up: {_ASK_FOR_MORE}",
    "VolumeLimitExceeded": f"the account's quota of EBS volumes is used up: {_ASK_FOR_MORE}",
    "ResourceLimitExceeded": f"a quota of the account is used up: {_ASK_FOR_MORE}",
}
_LATER = "EC2 throttles this account's calls, after all retries; it is tried again later"
_THROTTLED = dict.fromkeys(
    ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"), _LATER
)
_PERMISSION = "the AWS connection lacks this permission: see airflow_provider_hads/cloud/iam_policy.json"
PERMISSION_CODES = frozenset(
    {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthFailure", "InvalidClientTokenId"}
)
"""Codes of errors that a retry can't mend: credentials or permissions."""
GONE_CODES = frozenset(
    {"InvalidInstanceID.NotFound", "InvalidSpotInstanceRequestID.NotFound", "InvalidVolume.NotFound"}
)
"""Codes of errors that mean, where something is to be ended, that it is there no more."""
_OTHER = {
    "UnauthorizedOperation": _PERMISSION,
    "AccessDenied": _PERMISSION,
    "AccessDeniedException": _PERMISSION,
    "AuthFailure": "AWS refuses the credentials of the AWS connection: check its key, secret and region",
    "InvalidClientTokenId": "AWS refuses the credentials of the AWS connection: check its key and secret",
    "ExpiredToken": "the session token of the AWS connection has expired: renew it",
    "InvalidAMIID.NotFound": "no such image in this region: check [ec2] image_id and [hads] image_id",
    "InvalidAMIID.Malformed": "that is no image id (ami-...): check [ec2] image_id and [hads] image_id",
    "InvalidKeyPair.NotFound": "no such key pair in this region: check [ec2] key_name",
    "InvalidGroup.NotFound": "no such security group: check [ec2] security_group and security_vpc_group",
    "InvalidGroupId.Malformed": "that is no security group id (sg-...): check [ec2] security_vpc_group",
    "InvalidSubnetID.NotFound": "no such subnet in this region: check [ec2] subnet_id",
    "OptInRequired": "the account is not enabled for this: subscribe to it in the AWS console",
    "PendingVerification": "AWS is still verifying the account; try again in some hours",
    "IdempotentParameterMismatch": "this VM was launched before and has ended since; it needs a new number",
    "OperationNotPermitted": "EC2 does not allow it: switch off the instance's termination protection",
}
ADVICE = {**_CAPACITY, **_QUOTA, **_THROTTLED, **_OTHER}
"""What to do, by error code."""

_KINDS: tuple[tuple[Mapping[str, str], type[CloudError]], ...] = (
    (_CAPACITY, CapacityError),
    (_QUOTA, QuotaError),
    (_THROTTLED, ThrottledError),
)


def error_code(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def code_of_cause(error: CloudError) -> str:
    """Return AWS's code of the error that caused one of ours; empty if AWS did not answer at all."""
    from botocore.exceptions import ClientError

    return error_code(error.__cause__) if isinstance(error.__cause__, ClientError) else ""


def cloud_error(error: ClientError, action: str, subject: str = "") -> CloudError:
    """Return an AWS error as one of ours.

    :param error: what boto3 raised.
    :param action: the API call, as AWS names it.
    :param subject: what it was about (a VM, an image); may be empty.
    """
    code = error_code(error)
    kind = next((kind for codes, kind in _KINDS if code in codes), CloudError)
    message = str(error.response.get("Error", {}).get("Message", "")).strip()
    said = ": ".join(part for part in (_about(action, subject), code, message) if part)
    return kind(f"{said} ({ADVICE[code]})" if code in ADVICE else said)


def _about(action: str, subject: str) -> str:
    return f"{action} for {subject}" if subject else action


@contextmanager
def translated(action: str, subject: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into errors of this provider.

    :param action: the API call, as AWS names it.
    :param subject: what it is about (a VM, an image); may be empty.
    :raises CloudError: the call failed; its subclasses where capacity, a quota, throttling or a time-out is
        the reason.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

    try:
        yield
    except ClientError as error:
        raise cloud_error(error, action, subject) from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise CloudTimeout(
            f"{_about(action, subject)}: {error} (a look shows whether it was done)"
        ) from error
    except BotoCoreError as error:
        advice = "check the AWS connection, its region and the network"
        raise CloudError(f"{_about(action, subject)}: {error} ({advice})") from error


@contextmanager
def unless_gone(action: str, subject: str) -> Iterator[None]:
    """Do as :func:`translated` does for the one call inside, which ends something: what is gone is no error.

    :param action: the API call, as AWS names it.
    :param subject: what is to be ended.
    :raises CloudError: the call failed for another reason.
    """
    try:
        with translated(action, subject):
            yield
    except CloudError as error:
        if code_of_cause(error) not in GONE_CODES:
            raise
