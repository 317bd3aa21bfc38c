"""How a task is given its stack: the options that every task takes, and the layers of Invoke's configuration.

A task's module imports what its decorators need, no more; **a body imports what it needs when it runs**. So ``--list``
and light verbs are not kept waiting for the libraries of a heavy one. Types of parameters are imported below
``if TYPE_CHECKING``.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Config, Context, Task

from metaflow_anywhere.graph.face import OptionalPositional
from metaflow_anywhere.graph.tasks import Goal, SharedTask, StageTask
from metaflow_anywhere.hints import command, remember_typed
from metaflow_anywhere.settings import SECTION, Layer, Settings, SettingsError

if TYPE_CHECKING:
    from metaflow_anywhere.graph import Stage

OPTIONS = {
    "root": "the directory worth keeping (MF_ROOT)",
    "port": "the proxy's port (MF_PORT)",
    "runtime": "embedded or udocker (MF_RUNTIME)",
    "profile": "local, colab or remote; found automatically (MF_PROFILE)",
    "expose_inner": "open the inner programs' ports on loopback, for debugging (MF_EXPOSE_INNER)",
    "set": "any other setting, as name=value; may be given several times",
}
FLAGS = ("expose_inner",)  # options without a value


FILES = ("system", "user", "project")  # Invoke's levels of configuration files


def stage(*, needs: Sequence[StageTask] = (), **keywords: Any) -> Callable[[Callable[..., Stage]], StageTask]:
    """Decorator: ``body(stack)`` returning a Stage becomes a task that needs ``needs``."""
    return _decorator(StageTask, pre=list(needs), **keywords)


def goal(*, needs: Sequence[StageTask] = (), undoes: Sequence[StageTask] = (), **keywords: Any) -> Callable[..., Goal]:
    """Decorator: ``body(stack, ...)`` becomes a task that runs once its stages are up (or down)."""
    return _decorator(Goal, pre=list(needs), undoes=undoes, **keywords)


def verb(**keywords: Any) -> Callable[..., Task]:  # type: ignore[type-arg]
    """Decorator: ``body(stack, ...)`` becomes a task without stages."""
    return _decorator(Verb, **keywords)


class Verb(SharedTask):
    """A task whose positional argument, if it has a default, may be left out."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        """As Invoke's, with OptionalPositional where a positional has a default, and no short forms of OPTIONS."""
        arguments = super().get_arguments(ignore_unknown_help)
        for number, one in enumerate(arguments):
            if one.positional and one.default is not None:
                arguments[number] = OptionalPositional(names=one.names, positional=True, help=one.help)
            elif one.name in OPTIONS:
                one.names = one.names[:1]
        return arguments


def _decorator(klass: type[Task], **keywords: Any) -> Callable[[Callable[..., Any]], Any]:  # type: ignore[type-arg]
    helps = {**OPTIONS, **keywords.pop("help", {})}
    keywords.setdefault("auto_shortflags", False)

    def decorate(body: Callable[..., Any]) -> Any:
        own = list(inspect.signature(body).parameters.values())[1:]
        wants_remainder = any(one.name == "remainder" for one in own)
        context = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        common = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False if name in FLAGS else None)
            for name in OPTIONS
        ]

        @functools.wraps(body)
        def with_stack(c: Context, *args: Any, **options: Any) -> Any:
            from metaflow_anywhere.stack import Stack

            given = {name: options.pop(name, None) or None for name in OPTIONS}
            settings = settings_of(c, given)
            if wants_remainder:
                options["remainder"] = getattr(c, "remainder", "")
            return body(Stack(settings), *args, **options)

        shown = [one for one in own if one.name != "remainder"]
        with_stack.__signature__ = inspect.Signature([context, *shown, *common])  # type: ignore[attr-defined]
        name = body.__name__.strip("_").replace("_", "-")
        return klass(with_stack, name=name, iterable=["set"], help=helps, **keywords)

    return decorate


def before_verb(c: Context) -> list[str]:
    """Those of Invoke's own options that say where the tasks and settings come from."""
    given = {"--search-root": c.config.tasks.search_root, "-f": getattr(c.config, "_runtime_path", None)}
    return [word for name, value in given.items() if value for word in (name, str(value))]


def pairs(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The options that were given, as names and values."""
    named = [
        (name.replace("_", "-"), str(value)) for name, value in given.items() if name != "set" and value is not None
    ]
    return [*named, *(("set", str(one)) for one in given.get("set") or [])]


def settings_of(c: Context, given: dict[str, Any]) -> Settings:
    """The settings of the stack that is meant, from Invoke's configuration levels, the environment, and the options
    ``given``. How it was found is told on standard error, once: standard output may be evaluated by a shell.
    """
    asked = getattr(c, "asked_for", None)
    brings_up = isinstance(asked, Goal) and not asked.undoes
    typed = pairs(given)
    found_before: dict[Any, Settings] = getattr(c, "found_before", {})
    key = (asked, *typed)
    if key not in found_before:  # once for all stages of a run
        from metaflow_anywhere.stack import meant

        remember_typed(before_verb(c), typed, sys.argv)
        files, options, late = given_by(c, given)
        found = meant.find(
            files, options, late, adopts=not brings_up, changes=brings_up or isinstance(asked, StageTask)
        )
        if found.settings.origins["root"] == meant.ONLY_ONE:
            remember_typed(before_verb(c), [("root", str(found.settings.root)), *typed], sys.argv)
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
        found_before[key] = found.settings
    return found_before[key]


def given_by(c: Context, given: Mapping[str, Any]) -> tuple[list[Layer], dict[str, Any], list[Layer]]:
    """What was given: the layers of Invoke's files, the options, and the layers of a file given by ``invoke -f``."""
    options = {name: value for name, value in given.items() if name != "set"}
    for pair in given.get("set") or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(
                f"--set {pair}: a setting is given as name=value", run=command("settings", without=pair)
            )
        options[name.replace("-", "_")] = value
    files, late = (_layers(c.config, names) for names in (FILES, ("runtime",)))
    return [*_layers_of_invoke(c.config), *files], options, late


def _layers_of_invoke(config: Config) -> list[Layer]:
    """Fabric reads files of its own names only; a stack is described in Invoke's, and is the same one under ``fab``."""
    if config.prefix == Config.prefix:
        return []
    folder = getattr(config, "_project_prefix", None)
    plain = Config(project_location=Path(folder) if folder else None, lazy=True)
    plain.load_base_conf_files()
    plain.load_project()
    return _layers(plain, FILES)


def _layers(config: Any, names: Sequence[str]) -> list[Layer]:
    """Those of Invoke's file levels that hold our section; Invoke keeps them apart under private names only."""
    layers = []
    for name in names:
        values = (getattr(config, f"_{name}", None) or {}).get(SECTION)
        if values is None:
            continue
        origin = f"file: {getattr(config, f'_{name}_path', None) or name}"
        if not isinstance(values, dict):
            raise SettingsError(f"'{SECTION}' is not a section with settings below it", why=f"it comes from {origin}")
        layers.append(Layer(origin, values))
    return layers
