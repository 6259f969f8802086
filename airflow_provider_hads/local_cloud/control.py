"""The local cloud's own HTTP routes, beside the AWS API: health, VMs, bill, requests, faults."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from werkzeug.wrappers import Request, Response

from airflow_provider_hads.cloud.tags import RUN_TAG, VM_TAG
from airflow_provider_hads.exceptions import HadsError, InputError
from airflow_provider_hads.local_cloud.api import AwsApi
from airflow_provider_hads.local_cloud.control_client import CONTROL_HEADER, CONTROL_PATH
from airflow_provider_hads.local_cloud.ec2 import LocalEc2
from airflow_provider_hads.local_cloud.faults import Fault, FaultBook, RequestLog
from airflow_provider_hads.local_cloud.instance import VmInstance
from airflow_provider_hads.local_cloud.interruptions import Action, Interruptions
from airflow_provider_hads.local_cloud.request_facts import Environ, StartResponse
from airflow_provider_hads.local_cloud.status import BillItem, CloudVm

__all__ = ["ControlledApi"]


class ControlledApi:
    """A WSGI application: the control routes, and the AWS API for all else. For this machine only.

    :param token: secret of the state folder; without it a control route answers 403.
    """

    def __init__(
        self,
        api: AwsApi,
        ec2: LocalEc2,
        interruptions: Interruptions,
        faults: FaultBook,
        log: RequestLog,
        token: str,
    ) -> None:
        self._api = api
        self._ec2 = ec2
        self._interruptions = interruptions
        self._faults = faults
        self._log = log
        self._token = token
        self._routes: dict[str, Callable[[Request], Any]] = {
            "GET health": lambda request: {"status": "up"},
            "GET vms": lambda request: [asdict(status) for status in self._vms()],
            "GET bill": lambda request: [item.to_json() for item in self._bill()],
            "GET requests": lambda request: self._log.times(),
            "POST faults": self._add_fault,
            "DELETE faults": lambda request: self._faults.clear(),
            "POST interrupt": self._interrupt,
            "POST resume": self._resume,
            "POST rebalance": self._rebalance,
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CONTROL_PATH):
            return self._api(environ, start_response)
        response = self._control(Request(environ), path[len(CONTROL_PATH) :])
        return response(environ, start_response)

    def _control(self, request: Request, name: str) -> Response:
        if not hmac.compare_digest(request.headers.get(CONTROL_HEADER, ""), self._token):
            return _json({"error": "wrong token"}, 403)
        route = self._routes.get(f"{request.method} {name}")
        if route is None:
            return _json({"error": f"no such route: {request.method} {name}"}, 404)
        try:
            return _json(route(request), 200)
        except (HadsError, TypeError, ValueError) as error:
            return _json({"error": str(error)}, 400)

    def _add_fault(self, request: Request) -> None:
        self._faults.add(Fault(**request.get_json()))

    def _interrupt(self, request: Request) -> str:
        order = request.get_json()
        action = Action(order["action"]) if order["action"] else None
        machine = self._machine(order["vm"])
        return self._interruptions.interrupt(machine, action, float(order["notice"])).value

    def _resume(self, request: Request) -> None:
        order = request.get_json()
        self._interruptions.resume(self._machine(order["vm"]), bool(order["fresh_boot"]))

    def _rebalance(self, request: Request) -> None:
        self._interruptions.recommend_rebalance(self._machine(request.get_json()["vm"]))

    def _machine(self, name: str) -> VmInstance:
        """Return the one VM of that instance id, of that ``Name`` tag or with that VM id.

        :raises InputError: there is none, or more than one.
        """
        with self._ec2.lock:
            alive = [machine for machine in self._ec2.machines() if not machine.ended]
            found = [machine for machine in alive if name in _names(machine)]
        if len(found) != 1:
            many = ", ".join(machine.id for machine in found)
            problem = (
                f"{name!r} is the name of several VMs: {many}" if found else f"{name!r} is no VM's id or name"
            )
            raise InputError("local cloud", "vm", problem)
        return found[0]

    def _vms(self) -> list[CloudVm]:
        now = datetime.now(timezone.utc)
        with self._ec2.lock:
            alive = [machine for machine in self._ec2.machines() if machine.state != "terminated"]
            return [_status(machine, now) for machine in alive]

    def _bill(self) -> list[BillItem]:
        now = datetime.now(timezone.utc)
        with self._ec2.lock:
            return [self._bill_item(machine, now) for machine in self._ec2.machines()]

    def _bill_item(self, machine: VmInstance, now: datetime) -> BillItem:
        return BillItem(
            instance_id=machine.id,
            instance_type=machine.instance_type,
            market=machine.market,
            launched_at=machine.launched_at,
            ended_at=machine.ended_at,
            price=machine.price,
            seconds=machine.meter.seconds(now),
            run=_tags(machine).get(RUN_TAG, ""),
            name=_tags(machine).get("Name", ""),
        )


def _status(machine: VmInstance, now: datetime) -> CloudVm:
    return CloudVm(
        instance_id=machine.id,
        state=machine.state,
        instance_type=machine.instance_type,
        market=machine.market,
        address=machine.address,
        age=(now - machine.launched_at).total_seconds(),
        name=_tags(machine).get("Name", ""),
        hibernated=machine.frozen and machine.state in ("stopping", "stopped"),
    )


def _names(machine: VmInstance) -> tuple[str, ...]:
    tags = _tags(machine)
    return (machine.id, *(tags[key] for key in (VM_TAG, "Name") if key in tags))


def _tags(machine: VmInstance) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in machine.get_tags()}


def _json(document: Any, status: int) -> Response:
    return Response(json.dumps(document), status=status, content_type="application/json")
