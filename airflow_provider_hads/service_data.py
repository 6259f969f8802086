"""botocore's descriptions of AWS, read once by a process instead of anew for every client."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["service_data", "share_service_data"]


def share_service_data(hook: Any) -> None:
    """Let the sessions that a hook makes have the service descriptions that were read before.

    Each session else parses them for itself: a tenth of a second of processor time for an EC2 client, and a
    run's task makes several clients.

    :param hook: one of the amazon provider, before its first client.
    """
    make_session = hook.get_session

    def get_session(*args: Any, **kwargs: Any) -> Any:
        session = make_session(*args, **kwargs)
        # boto3 wraps one of botocore; an asynchronous one is botocore's own.
        botocore_session = getattr(session, "_session", session)
        botocore_session.register_component("data_loader", service_data())
        return session

    hook.get_session = get_session


@lru_cache(maxsize=1)
def service_data() -> Any:
    """Return the loader of service descriptions that this process's clients share."""
    from botocore.loaders import create_loader
    from botocore.session import Session

    return create_loader(Session().get_config_variable("data_path"))
