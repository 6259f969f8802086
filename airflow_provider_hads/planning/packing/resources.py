"""What tasks use of a VM beside its cores: its memory, and room that large tasks can't share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from airflow_provider_hads.planning.packing.instance import Instance

__all__ = ["Resource", "resources_of"]

PARTS = (1, 2, 3)
SMALL = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.95)
"""Places, in the order of the shares, of those up to which a share is taken for small."""
SAMPLE = 400
"""Tasks that are looked at to choose them."""
LEAST = 0.02
"""Mean share of a VM by which a resource of large tasks must exceed what they use in fact."""
EDGE = 1e-6


@dataclass(frozen=True)
class Resource:
    """Something of a VM that its tasks use shares of, one whole at most.

    With ``parts`` = q a share x counts as floor((q + 1) x) / q: as the floors of numbers that add up to at
    most q + 1 (a bit less here, for the sake of rounding) add up to at most q, such shares also add up to at
    most one. With q = 1, of tasks that need more than half, there is one at a time. (A dual feasible
    function; Fekete and Schepers, "New classes of fast lower bounds for bin packing problems", 2001.)

    With ``small`` = e, at most a half, shares less than e count for nothing, and those above 1 - e for one:
    of shares that add up to at most one, where one is above 1 - e all others are less than e; where none is,
    they count for no more than they are. (Another of theirs.)

    :param choice: of which VMs.
    :param whole: all that there is: MB, or seconds until the latest end.
    :param timed: whether a task uses its share, of the memory, while it runs; else each task uses, once, its
        share of the time of a core.
    :param slots: cores, if it is not timed.
    :param parts: see above; without this and ``small`` shares are taken as they are.
    :param small: see above.
    """

    choice: int
    whole: float
    timed: bool
    slots: int = 1
    parts: int | None = None
    small: float | None = None

    def use(self, seconds: float, memory: float) -> float:
        """Return what a task uses: seconds of the whole, or, if it is not timed, a share of it."""
        if not seconds < math.inf:
            return 0.0
        share = self.share((memory if self.timed else seconds) / self.whole)
        return seconds * share if self.timed else share / self.slots

    def share(self, share: float) -> float:
        """Return what a share counts for."""
        if self.small is not None:
            if share < self.small:
                return 0.0
            return 1.0 if share * (1 - EDGE) > 1 - self.small else share
        return share if self.parts is None else math.floor((self.parts + 1) * share * (1 - EDGE)) / self.parts


def resources_of(instance: Instance, large: int) -> list[Resource]:
    """Return the memory of each choice where it may bind, and what large tasks use most of.

    :param large: how many of the latter, at most; the search for prices takes the cube of the number.
    """
    binding = [choice for choice, roomy in enumerate(instance.roomy) if not roomy]
    memory = [Resource(choice, instance.choices[choice].type.memory, timed=True) for choice in binding]
    if not large:
        return memory
    sample = range(0, len(instance.tasks), -(-len(instance.tasks) // SAMPLE))
    excesses = [
        (_excess(instance, one, sample), place, one) for place, one in enumerate(_of_large(instance, sample))
    ]
    chosen = sorted((one for one in excesses if one[0] > LEAST), key=lambda one: (-one[0], one[1]))[:large]
    return memory + [one for _, _, one in sorted(chosen, key=lambda one: one[1])]


def _of_large(instance: Instance, sample: Sequence[int]) -> Iterator[Resource]:
    for number, choice in enumerate(instance.choices):
        kinds = [Resource(number, choice.latest, timed=False, slots=choice.slots)]
        if not instance.roomy[number]:
            kinds.append(Resource(number, choice.type.memory, timed=True))
        for kind in kinds:
            yield from (replace(kind, parts=parts) for parts in PARTS)
            yield from (replace(kind, small=small) for small in _small_shares(instance, kind, sample))


def _small_shares(instance: Instance, kind: Resource, sample: Sequence[int]) -> list[float]:
    """Return some shares up to a half, from the smallest that a task has to a large one."""
    shares = sorted(share for share in _shares(instance, kind, sample) if share <= 0.5)
    return sorted({shares[int(place * len(shares))] for place in SMALL}) if shares else []


def _shares(instance: Instance, resource: Resource, sample: Sequence[int]) -> list[float]:
    """Return what tasks need of a resource, as shares of it."""
    times = instance.times[resource.choice]
    sizes = instance.memory if resource.timed else times
    return [sizes[task] / resource.whole for task in sample if times[task] < math.inf]


def _excess(instance: Instance, resource: Resource, sample: Sequence[int]) -> float:
    """Return by how much the shares of tasks exceed, on average, what they use in fact."""
    shares = _shares(instance, resource, sample)
    above = (max(resource.share(share) - share, 0.0) for share in shares)
    return math.fsum(above) / max(len(shares), 1)
