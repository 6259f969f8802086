"""Every error the provider raises on purpose, in one small tree.

A message says which file, field and value is wrong and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "CallOverdue",
    "CapacityError",
    "CloudError",
    "CloudTimeout",
    "CommandFailed",
    "ControlEnded",
    "EpochRefused",
    "HadsError",
    "HostKeyMismatch",
    "InfeasibleJob",
    "InputError",
    "InputErrors",
    "PrivateKeyError",
    "PublishConflict",
    "QuotaError",
    "StorageError",
    "ThrottledError",
    "UnknownPlanner",
    "VmError",
    "VmUnreachable",
]


class HadsError(Exception):
    """Base of all errors of this provider."""


class InputError(HadsError):
    """One thing wrong with a job's files.

    :param file: name of the file, as the user would look for it.
    :param field: dotted path of the field (``tasks.3.memory``), empty for the file as a whole.
    :param problem: what is wrong, the value included, and what would be right.
    """

    def __init__(self, file: str, field: str, problem: str) -> None:
        self.file = file
        self.field = field
        self.problem = problem
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")


class InputErrors(HadsError):
    """All that is wrong with a job's files, one line each.

    :param errors: the single errors, at least one.
    """

    def __init__(self, errors: list[InputError]) -> None:
        self.errors = errors
        super().__init__("\n".join(str(error) for error in errors))


class InfeasibleJob(HadsError):
    """No plan meets the deadline within the limits.

    :param limit: the binding limit (for example ``spot and on-demand VM count`` or ``memory``).
    :param problem: the whole explanation, the limit included.
    :param smallest_deadline: seconds; the smallest deadline for which a plan was found, if one was.
    """

    def __init__(self, limit: str, problem: str, smallest_deadline: float | None = None) -> None:
        self.limit = limit
        self.smallest_deadline = smallest_deadline
        super().__init__(problem)


class UnknownPlanner(HadsError):
    """There is no planner of that name.

    :param name: what was asked for.
    :param known: names of the planners there are.
    """

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"unknown planner {name!r}; choose one of {', '.join(known)}")


class CloudError(HadsError):
    """The cloud refused or failed a request; the message carries its error code."""


class CapacityError(CloudError):
    """The cloud has no capacity of that type and market now."""


class QuotaError(CloudError):
    """The account's own quota (vCPUs, spot requests) is used up."""


class ThrottledError(CloudError):
    """The cloud was asked too often, and refuses to listen for a while."""


class CloudTimeout(CloudError):
    """The cloud did not answer in time; it may have done what it was asked for."""


class CallOverdue(HadsError):
    """A call to the cloud, a VM or the bucket did not end in its time; it may still be carried out."""


class VmError(HadsError):
    """A VM did not do what it was told."""


class PrivateKeyError(VmError):
    """There is no private key for the VMs here, or it can't be read."""


class VmUnreachable(VmError):
    """No connection, or no answer in time."""


class HostKeyMismatch(VmError):
    """The host that answered is not the VM that was launched: its key differs from the pinned one."""


class ControlEnded(HadsError):
    """Nobody is to control the run any more: Airflow no longer takes the controller's task for running."""


class EpochRefused(VmError):
    """The VM has heard from a later controller; the one that is refused must end."""


class CommandFailed(VmError):
    """A command on a VM ended with a non-zero exit code."""


class StorageError(HadsError):
    """The bucket could not be read or written."""


class PublishConflict(StorageError):
    """Another attempt has published this task's results first."""
