"""Calls that block, made from a trigger."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async

__all__ = ["in_thread"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def in_thread(
    call: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run a call that blocks in a thread, several at once.

    A thread of asgiref's can ask the triggerer for connections; one of ``asyncio.to_thread`` can not.
    """
    return await sync_to_async(call, thread_sensitive=False)(*args, **kwargs)
