"""The init process (pid 1): boots the machine, reaps orphans, powers off when told to."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from local_cloud_vm.boot import boot
from local_cloud_vm.console import say

GRACE_SECONDS = 1.0


def _power_off(_signal: int, _frame: FrameType | None) -> NoReturn:
    say("init: powering off")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(-1, signal.SIGTERM)
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end and _reap_one():
        time.sleep(0.02)
    os._exit(0)


def _reap_one() -> bool:
    """Reap a child that has ended, if any; say whether there are children left."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _reap_for_ever() -> NoReturn:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()


def main() -> NoReturn:
    """Boot in a child process, so that this one only reaps."""
    metadata_address = os.environ.pop("LOCAL_CLOUD_METADATA")
    if os.fork() == 0:
        sys.exit(boot(metadata_address))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPWR):
        signal.signal(number, _power_off)
    _reap_for_ever()


if __name__ == "__main__":
    main()
