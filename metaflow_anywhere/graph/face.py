"""Things of a command line that Invoke has no setting for; the only place where one of its methods is replaced.

* ``--list`` is sorted by name; stages have an order that says something. Without a task, Invoke's options are printed.
* A positional argument is always required; ``logs [program]`` is not.
* What stands where a positional argument may is taken for it, be it ``--help`` or a misspelled option.
* A word that is not known is told without the one that may have been meant.
* A file of settings that is no YAML, and a reader of lists that goes away, end in a traceback.
* The executor is named in the project's invoke.yaml, which users write anew.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from invoke import Exit
from invoke.config import Config
from invoke.parser import Argument
from invoke.parser.parser import ParseMachine
from invoke.program import Program
from invoke.util import yaml

from metaflow_anywhere.hints import own_name
from metaflow_anywhere.spelling import closest

BROKEN_PIPE_STATUS = 141  # 128 + SIGPIPE
NOT_KNOWN = re.compile(r"No idea what ['\"](.*)['\"] is!")


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


def list_without_a_task() -> None:
    """Have a bare call print what can be run, not Invoke's own options."""

    def no_tasks_given(self: Program) -> None:
        name = own_name(sys.argv[0])
        print(f"Usage: {name} VERB [--options]     {name} VERB --help tells of its options\n")
        self.list_tasks()
        raise Exit

    Program.no_tasks_given = no_tasks_given  # type: ignore[method-assign]


def keep_options_apart_from_values() -> None:
    """Have the parser take no word that begins with a dash for a positional argument."""
    original = ParseMachine.handle

    def handle(self: ParseMachine, token: str) -> None:
        context = self.context
        awaits = context and context.missing_positional_args and not self.waiting_for_flag_value
        if (
            not awaits
            or len(token) < 2
            or not token.startswith("-")
            or token in context.flags
            or token in context.inverse_flags
            or token.partition("=")[0] in context.flags
        ):
            original(self, token)
        elif self.initial and token in self.initial.flags and self.initial.flags[token].name == "help":
            self.initial.flags[token].value = context.name
            for argument in context.missing_positional_args:
                argument.value = ""  # nothing is run, so that nothing is missing
        else:
            self.error(f"No idea what {token!r} is! (a value that begins with a dash: ./{token})")

    ParseMachine.handle = handle  # type: ignore[method-assign]


def tell_what_may_have_been_meant() -> None:
    """Have the parser name the verb or option that is like a word it does not know."""
    original = ParseMachine.error

    def error(self: ParseMachine, msg: str) -> None:
        if found := NOT_KNOWN.match(msg):
            word = found[1].partition("=")[0]
            own = ["--help", *(self.context.flags if self.context else ())]
            of_verbs = {name for one in self.contexts.values() for name in one.flags}
            if (self.context is None or self.context is self.initial) and word in of_verbs:
                msg += f" Options of a verb stand after it: {own_name(sys.argv[0])} VERB {word} ..."
            elif close := meant(word, own if word.startswith("-") else list(self.contexts)):
                msg += f" Did you mean {close}?"
        original(self, msg)

    ParseMachine.error = error  # type: ignore[method-assign]


def meant(word: str, names: Sequence[str]) -> str | None:
    """The one of ``names`` that begins like ``word``, or else is like it."""
    return next((name for name in names if name.startswith(word)), None) or closest(word, names)


def end_when_the_reader_is_gone() -> None:
    """Have lists and helps end quietly where nobody reads on, as after `| head`."""

    def quiet(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                result = original(*args, **kwargs)
                sys.stdout.flush()
            except BrokenPipeError:
                raise reader_gone() from None
            return result

        return wrapped

    for name in ("print_help", "print_task_help", "list_tasks", "no_tasks_given"):
        setattr(Program, name, quiet(getattr(Program, name)))


def reader_gone() -> Exit:
    """How to end when standard output has no reader any more; what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit(code=BROKEN_PIPE_STATUS)


def run_stages_in_any_case() -> None:
    """Have our executor run the tasks where no file of settings names another."""
    original = Program.execute

    def execute(self: Program) -> None:
        if self.config.tasks.executor_class is None:
            self.config.tasks.executor_class = "metaflow_anywhere.graph.executor.GraphExecutor"
        original(self)

    Program.execute = execute  # type: ignore[method-assign]


def explain_bad_yaml() -> None:
    """Have a file of settings that cannot be read end the program with the place of the mistake."""
    original = Config._load_yaml

    def load_yaml(self: Config, path: Any) -> Any:
        try:
            return original(self, path)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            why = getattr(error, "problem", None) or str(error)
            raise Exit(f"✗ error: {path}{place} is not YAML\n  why: {why}\n  run: mend that line", code=1) from None

    Config._load_yaml = Config._load_yml = load_yaml  # type: ignore[method-assign]
