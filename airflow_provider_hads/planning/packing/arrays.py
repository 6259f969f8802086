"""What the compiled searches read of an instance and of its relaxation."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, chain

from airflow_provider_hads.planning.packing.uses import Use

__all__ = ["Arrays", "MemoryArrays", "RelaxationArrays"]


class Arrays:
    """An instance's tables, each in one piece.

    :param times: seconds by choice and task.
    :param memory: MB by task.
    :param by_length: tasks by rising length, by task its place there, and the lengths.
    """

    def __init__(
        self,
        times: Sequence[Sequence[float]],
        memory: Sequence[float],
        by_length: tuple[Sequence[int], Sequence[int], Sequence[float]],
    ) -> None:
        order, place, lengths = by_length
        self.times = array("d", chain.from_iterable(times))
        self.memory = array("d", memory)
        self.order, self.place, self.lengths = array("i", order), array("i", place), array("d", lengths)


class MemoryArrays:
    """The same for searches where memory may bind.

    :param uses: what tasks use of a VM, by choice and task.
    :param alike: by task, those that are most like it.
    """

    def __init__(self, uses: Sequence[Sequence[Use]], alike: Sequence[Sequence[int]]) -> None:
        self.uses = array("d", chain.from_iterable(chain.from_iterable(uses)))
        self.alike_from = array("i", accumulate(map(len, alike), initial=0))
        self.alike = array("i", chain.from_iterable(alike))


class RelaxationArrays:
    """A relaxation's tables.

    :param counts: by column of equal tasks, how many there are.
    :param columns: seconds by column and choice.
    :param uses: what tasks use, by column and resource.
    :param slots: cores by choice.
    :param of_choice: resources by choice.
    """

    def __init__(
        self,
        counts: Sequence[float],
        columns: Sequence[Sequence[float]],
        uses: Sequence[Sequence[float]],
        slots: Sequence[int],
        of_choice: Sequence[Sequence[int]],
    ) -> None:
        self.counts, self.slots = array("d", counts), array("d", slots)
        self.columns = array("d", chain.from_iterable(columns))
        self.uses = array("d", chain.from_iterable(uses))
        self.resources_from = array("i", accumulate(map(len, of_choice), initial=0))
        self.resources = array("i", chain.from_iterable(of_choice))
