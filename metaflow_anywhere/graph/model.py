"""The graph of stages as names and edges: checked, ordered, reversed. Pure; runs nothing."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.spelling import closest


class GraphError(AnywhereError):
    """The edges contradict themselves or name what is not there."""


class Graph:
    """Stages and what each needs, in the order in which they were written.

    >>> g = Graph({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
    >>> list(g.waves())
    [['a'], ['b', 'c'], ['d']]

    Raises GraphError for a circle and for an edge to a stage that does not exist.
    """

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self.needs: dict[str, tuple[str, ...]] = {name: tuple(before) for name, before in needs.items()}
        for name, before in self.needs.items():
            for missing in (other for other in before if other not in self.needs):
                close = closest(missing, self.needs)
                raise GraphError(
                    f"stage {name} needs {missing}, which is not a stage",
                    why=f"did you mean {close}?" if close else "stages are: " + ", ".join(self.needs),
                )
        try:
            graphlib.TopologicalSorter(self.needs).prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise GraphError("the stages need each other in a circle", why=circle) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.needs)

    def __len__(self) -> int:
        return len(self.needs)

    def sorter(self) -> graphlib.TopologicalSorter[str]:
        """A fresh, prepared sorter for one run through the graph."""
        sorter = graphlib.TopologicalSorter(self.needs)
        sorter.prepare()
        return sorter

    def written(self, names: Iterable[str]) -> list[str]:
        """``names`` in written order."""
        wanted = set(names)
        return [name for name in self.needs if name in wanted]

    def waves(self) -> Iterator[list[str]]:
        """Groups of stages whose needs all lie in earlier groups; members of a group may run at the same time."""
        sorter = self.sorter()
        while sorter.is_active():
            ready = sorter.get_ready()
            yield self.written(ready)
            sorter.done(*ready)

    def reversed(self) -> Graph:
        """The same stages the other way round: what was needed now waits for those that needed it."""
        needs: dict[str, list[str]] = {name: [] for name in reversed(self.needs)}
        for name, before in self.needs.items():
            for other in before:
                needs[other].append(name)
        return Graph(needs)
