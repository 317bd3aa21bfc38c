"""How the command to type next is written: as this user calls this program, with the options that were given, quoted.

Every hint goes through here. A hint without the options that named the stack would lead to another one.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

OWN_NAME = "metaflow-anywhere"  # of the distribution and of its command, as runners know it
UVX, PIPX = ("uvx", "--from"), ("pipx run", "--spec")  # and the option that names what is to be installed
# Folders of environments that a runner made for one call; what is on PATH then is not when the next line is typed.
RUNNERS = {"/archive-v": UVX, "/environments-v": UVX, "pipx/.cache/": PIPX, ".cache/pipx/": PIPX}


@dataclass
class Typed:
    """What the user typed: ``program`` as words of a shell, options ``before`` the verb, ``options`` of every verb.

    ``options`` are pairs of name and value; a name may come several times.
    """

    program: str = "invoke"
    before: Sequence[str] = ()
    options: Sequence[tuple[str, str]] = ()
    words: Sequence[str] = field(default_factory=list)


_typed = Typed()


def remember_typed(before: Sequence[str], options: Iterable[tuple[str, str]], argv: Sequence[str]) -> None:
    """Have all hints of this process repeat what was typed."""
    global _typed  # noqa: PLW0603  # one command line a process
    _typed = Typed(own_name(argv[0]), tuple(before), tuple(options), tuple(argv[1:]))


def command(verb: str, *arguments: str, after: str = "", without: str = "", **options: object) -> str:
    """The command line of ``verb``, ready to be pasted; ``options`` win over those that were typed.

    ``arguments`` are values and are quoted; ``after`` is added as it is, behind ``--``. ``without`` is an option that
    is not repeated, since it is what is wrong.
    """
    replaced = {name.replace("_", "-"): str(value) for name, value in options.items()}
    dropped = {*replaced, without.replace("_", "-")}
    kept = [(name, value) for name, value in _typed.options if not _names(name, value, dropped)]
    words = [*_typed.before, verb, *arguments]
    for name, value in [*replaced.items(), *kept]:
        words += [f"--{name}"] if value == "True" else [f"--{name}", value]
    return " ".join([_typed.program, shlex.join(words), *(["--", after] if after else [])])


def again(*more: str) -> str:
    """The same command once more, with ``more`` words."""
    if "--" in _typed.words:
        place = list(_typed.words).index("--")
        return f"{_typed.program} {shlex.join([*_typed.words[:place], *more, *_typed.words[place:]])}"
    return f"{_typed.program} {shlex.join([*_typed.words, *more])}"


def elsewhere(verb: str, *arguments: str) -> str:
    """The command line of ``verb`` for another machine or stack: nothing that was typed here is repeated."""
    return " ".join([_typed.program, shlex.join([verb, *arguments])])


def own_name(called_as: str) -> str:
    """How the user calls this program, as words of a shell: by name if that leads here, else by its path."""
    called = Path(called_as)
    for folders, (runner, option) in RUNNERS.items():
        if folders in called.as_posix():
            source = installed_from(Path(__file__).parents[1])
            return f"{runner} {option} {shlex.quote(source)} {OWN_NAME}" if source else f"{runner} {OWN_NAME}"
    if called.name == "__main__.py":  # python -m invoke
        return f"{shlex.quote(_shortest(Path(sys.executable)))} -m {called.parent.name}"
    return shlex.quote(_shortest(called))


def installed_from(environment: Path) -> str | None:
    """The file or URL from which we were installed into ``environment`` (its site-packages); None if by name.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    for path in environment.glob("metaflow_anywhere-*.dist-info/direct_url.json"):
        url = str(json.loads(path.read_text(encoding="utf-8"))["url"])
        return unquote(urlsplit(url).path) if url.startswith("file:") else url
    return None


def _shortest(program: Path) -> str:
    on_path = shutil.which(program.name)
    if not program.exists() or (on_path and Path(on_path).samefile(program)):
        return program.name
    relative = os.path.relpath(program)
    return str(program) if relative.startswith("..") else relative


def _names(name: str, value: str, options: Collection[str]) -> bool:
    """Whether an option that was typed is one of ``options``, be it written with ``--set``."""
    setting = value.partition("=")[0].replace("_", "-") if name == "set" else name
    return setting in options
