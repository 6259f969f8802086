"""AWS errors as errors of this provider."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoRegionError,
    ReadTimeoutError,
)

from airflow_provider_hads.cloud.errors import code_of_cause, translated
from airflow_provider_hads.exceptions import (
    CapacityError,
    CloudError,
    CloudTimeout,
    QuotaError,
    ThrottledError,
)


def refusal(code: str, message: str = "said AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunInstances")


def translation(error: Exception) -> CloudError:
    with pytest.raises(CloudError) as caught, translated("RunInstances", "vm-0"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("InsufficientInstanceCapacity", CapacityError, "tried again later"),
        ("SpotMaxPriceTooLow", CapacityError, "spot price is above"),
        ("Unsupported", CapacityError, "take the type out of env.json"),
        ("VcpuLimitExceeded", QuotaError, "Service Quotas"),
        ("MaxSpotInstanceCountExceeded", QuotaError, "spot quota"),
        ("InstanceLimitExceeded", QuotaError, "lower the limits in env.json"),
        ("UnauthorizedOperation", CloudError, "iam_policy.json"),
        ("InvalidAMIID.NotFound", CloudError, "image_id"),
        ("RequestLimitExceeded", ThrottledError, "throttles"),
        ("AuthFailure", CloudError, "credentials"),
    ],
)
def test_the_message_says_what_aws_said_and_what_to_do(
    code: str, kind: type[CloudError], advice: str
) -> None:
    error = translation(refusal(code))

    assert type(error) is kind
    assert str(error).startswith(f"RunInstances for vm-0: {code}: said AWS (")
    assert advice in str(error)
    assert code_of_cause(error) == code


def test_an_unknown_code_is_told_as_it_is() -> None:
    error = translation(refusal("SomethingNew"))

    assert type(error) is CloudError
    assert str(error) == "RunInstances for vm-0: SomethingNew: said AWS"


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), NoRegionError()]
)
def test_no_answer_at_all_is_an_error_of_the_cloud_too(error: Exception) -> None:
    translated_error = translation(error)

    assert "check the AWS connection" in str(translated_error)
    assert code_of_cause(translated_error) == ""


@pytest.mark.parametrize("kind", [ConnectTimeoutError, ReadTimeoutError])
def test_no_answer_in_time_may_mean_that_it_was_done(kind: type[HTTPClientError]) -> None:
    translated_error = translation(kind(endpoint_url="http://127.0.0.1:1"))

    assert type(translated_error) is CloudTimeout
    assert "whether it was done" in str(translated_error)


def test_our_own_mistakes_are_not_hidden() -> None:
    with pytest.raises(KeyError), translated("RunInstances"):
        raise KeyError("Instances")
