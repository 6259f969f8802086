"""Requests held against botocore's own model of a service, without the service."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

__all__ = ["check", "operation", "problems"]


@cache
def service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def operation(service_name: str, name: str) -> OperationModel:
    """Return the model of an operation, such as RunInstances of ec2."""
    return service(service_name).operation_model(name)


def wrong_enums(shape: Shape, value: Any, path: str = "") -> list[str]:
    """Return what is no value of its enum, which botocore leaves to the service to find."""
    if isinstance(shape, StructureShape):
        members = [(shape.members[name], part, f"{path}.{name}") for name, part in value.items()]
    elif isinstance(shape, ListShape):
        members = [(shape.member, part, f"{path}[{number}]") for number, part in enumerate(value)]
    elif isinstance(shape, MapShape):
        members = [(shape.value, part, f"{path}[{key}]") for key, part in value.items()]
    else:
        allowed = shape.metadata.get("enum")
        return [f"{path}: {value!r}"] if allowed and value not in allowed else []
    return [wrong for member in members for wrong in wrong_enums(*member)]


def problems(model: OperationModel, request: dict[str, Any]) -> str:
    """Return what is wrong with a request; nothing where it is right."""
    report = ParamValidator().validate(request, model.input_shape)
    return str(report.generate_report()) or "\n".join(wrong_enums(model.input_shape, request))


def check(service_name: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Hold a request against the model; return it as it goes over the wire."""
    model = operation(service_name, name)
    assert problems(model, request) == ""
    serializer = create_serializer(service(service_name).metadata["protocol"])
    serialized: dict[str, Any] = serializer.serialize_to_request(request, model)
    return serialized
