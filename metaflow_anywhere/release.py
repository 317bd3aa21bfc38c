"""What this installation is: the digest of its code and of the libraries it runs on, by which an upgrade is noticed."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent
OWN = "metaflow_anywhere"
REQUIREMENT = re.compile(r"Requires-Dist: ([A-Za-z0-9._-]+)(?!.*extra ==)")
INFORMATION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info")
CODE = (".py", ".sql", ".html", ".js")
_one_at_a_time = threading.Lock()
BUILT = "static"  # the built web UI, which tells its own sources' digest


def code_digest() -> str:
    """Sixteen hexadecimal digits that change with any line of our code and any release of what it requires.

    A version number would not do: in a clone, the code changes below it. All stages of a run want it at once, and it is
    worked out once.
    """
    with _one_at_a_time:
        return _code_digest()


@functools.lru_cache(maxsize=1)
def _code_digest() -> str:
    return digest(PACKAGE, [Path(entry) for entry in sys.path if entry])


def digest(package: Path, search_path: Iterable[Path]) -> str:
    """The digest of the code in ``package`` and the versions, found on ``search_path``, of what it requires. The schema
    counts as code, be it in the package or, in a checkout, beside it.

    The names of folders tell versions. (``importlib.metadata`` tells the same for 45 ms of CPU, at each command.)
    """
    whole = hashlib.sha256()
    schema = package.parent / "sql"
    beside = _sources(schema) if schema.is_dir() else []
    start = len(str(package.parent)) + 1
    for path in sorted(_sources(package) + beside):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # two hundred files, at each command
            content = file.read()
        whole.update(b"%s\0%d\0" % (os.fsencode(path[start:]), len(content)) + content)
    for name, version in sorted(_requirements(search_path).items()):
        whole.update(f"{name}=={version}\0".encode())
    return whole.hexdigest()[:16]


def _sources(folder: Path | str) -> list[str]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in (BUILT, "__pycache__") and not entry.name.startswith("."):
                    found += _sources(entry.path)
            elif entry.name.endswith(CODE):
                found.append(entry.path)
    return found


def _requirements(search_path: Iterable[Path]) -> dict[str, str]:
    """The version of each library that we require; the first place of the search path wins, as it does for imports."""
    folders = [folder for folder in search_path if folder.is_dir()]
    ours = (path for folder in folders for path in folder.glob(f"{OWN}-*.dist-info"))
    required = {_normal(name) for own in [*ours][:1] for name in REQUIREMENT.findall(_text(own / "METADATA"))}
    return {name: version for name, version in installed(folders).items() if name in required}


def installed(folders: Iterable[Path]) -> dict[str, str]:
    """The version of each distribution that is installed in ``folders``, by its name with underscores."""
    versions: dict[str, str] = {}
    for folder in folders:
        for path in folder.iterdir():
            if match := INFORMATION.fullmatch(path.name):
                versions.setdefault(_normal(match["name"]), match["version"])
    return versions


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
