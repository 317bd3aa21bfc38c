"""What this installation is: the digest of its code and of the libraries it runs on, by which an upgrade is noticed."""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent
OWN = "metaflow_anywhere"
REQUIREMENT = re.compile(r"Requires-Dist: ([A-Za-z0-9._-]+)(?!.*extra ==)")
INFORMATION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info")
CODE = (".py", ".sql", ".html", ".js")
BUILT = "static"  # the built web UI, which tells its own sources' digest


@functools.lru_cache(maxsize=1)
def code_digest() -> str:
    """Sixteen hexadecimal digits that change with any line of our code and any release of what it requires.

    A version number would not do: in a clone, the code changes below it.
    """
    return digest(PACKAGE, [Path(entry) for entry in sys.path if entry])


def digest(package: Path, search_path: Iterable[Path]) -> str:
    """The digest of the code in ``package`` and the versions, found on ``search_path``, of what it requires. The schema
    counts as code, be it in the package or, in a checkout, beside it.

    The names of folders tell versions. (``importlib.metadata`` tells the same for 45 ms of CPU, at each command.)
    """
    whole = hashlib.sha256()
    schema = package.parent / "sql"
    beside = _sources(schema) if schema.is_dir() else []
    for path in sorted(_sources(package) + beside):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(package.parent).as_posix()}\0{len(content)}\0".encode() + content)
    for name, version in sorted(_requirements(search_path).items()):
        whole.update(f"{name}=={version}\0".encode())
    return whole.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in (BUILT, "__pycache__") and not path.name.startswith("."):
                found += _sources(path)
        elif path.suffix in CODE:
            found.append(path)
    return found


def _requirements(search_path: Iterable[Path]) -> dict[str, str]:
    """The version of each library that we require; the first place of the search path wins, as it does for imports."""
    versions: dict[str, str] = {}
    required: set[str] = set()
    for folder in search_path:
        if not folder.is_dir():
            continue
        for path in folder.iterdir():
            if match := INFORMATION.fullmatch(path.name):
                name = _normal(match["name"])
                if name == OWN and not required:
                    required = {_normal(name) for name in REQUIREMENT.findall(_text(path / "METADATA"))}
                versions.setdefault(name, match["version"])
    return {name: version for name, version in versions.items() if name in required}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
