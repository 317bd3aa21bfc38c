"""Two things of a command line that Invoke has no setting for; the only place where one of its methods is replaced.

* ``--list`` is sorted by name; stages have an order that says something.
* A positional argument is always required; ``logs [program]`` is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invoke.parser import Argument
from invoke.parser.parser import ParseMachine
from invoke.program import Program


class OptionalPositional(Argument):
    """A positional argument that may be left out; it is the empty string then."""


def list_in_order(names: Sequence[str]) -> None:
    """Have ``--list`` show ``names`` in this order, before whatever else there is."""
    rank = {name: number for number, name in enumerate(names)}
    original = Program._make_pairs

    def in_order(self: Program, *args: Any, **kwargs: Any) -> list[tuple[str, str | None]]:
        pairs = original(self, *args, **kwargs)
        return sorted(pairs, key=lambda pair: rank.get(pair[0].split(" ")[0], len(rank)))

    Program._make_pairs = in_order  # type: ignore[method-assign]


def allow_optional_positionals() -> None:
    """Have the parser take an OptionalPositional that was left out for an empty one."""
    original = ParseMachine.complete_context

    def complete_context(self: ParseMachine) -> None:
        if self.context:
            for argument in self.context.positional_args:
                if isinstance(argument, OptionalPositional) and argument.value is None:
                    argument.value = ""
        original(self)

    ParseMachine.complete_context = complete_context  # type: ignore[method-assign]
