"""``requirements.lock`` names every library that is asked for, within its bounds, and each file by its digest."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})$")


def entries(text: str) -> list[tuple[Requirement, list[str]]]:
    """What is pinned, each with its options."""
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = []
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        pinned, *options = re.split(r"\s+(?=--)", line.strip())
        found.append((Requirement(pinned), options))
    return found


def on(python: str) -> dict[str, str]:
    """Linux with this Python, as markers know it."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }


def missing(asked: Sequence[Requirement], text: str, python: str) -> list[str]:
    """What of ``asked`` no entry fulfils on a machine with this Python."""
    place = on(python)
    pinned = {
        canonicalize_name(entry.name): str(entry.specifier).removeprefix("==")
        for entry, _ in entries(text)
        if entry.marker is None or entry.marker.evaluate(place)
    }
    return [
        str(one)
        for one in asked
        if (one.marker is None or one.marker.evaluate(place))
        and not one.specifier.contains(pinned.get(canonicalize_name(one.name), "0"))
    ]


@pytest.fixture(scope="module")
def asked() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["dependencies"]]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_library_is_there_within_its_bounds(asked: list[Requirement], python: str) -> None:
    assert not missing(asked, LOCK, python)
    assert missing(asked, re.sub(r"(?m)^aiohttp==\S+", "aiohttp==2.0", LOCK), python)
    assert missing(asked, LOCK.replace("\npsutil==", "\nothers=="), python)


def test_each_is_one_version_with_digests_and_nothing_else() -> None:
    for entry, options in entries(LOCK):
        assert re.fullmatch(r"==[^,*]+", str(entry.specifier)), entry
        assert entry.url is None, entry
        assert options, entry
        assert all(DIGEST.match(option) for option in options), entry


def test_no_index_of_one_workplace_is_in_it() -> None:
    assert "://" not in LOCK
    assert "-index" not in LOCK
    assert "/" not in re.sub(r"(?m)#.*", "", LOCK)
