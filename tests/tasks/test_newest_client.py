"""What is said of the newest client at the end of a run of the tests; nothing of it ends that run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import metaflow
import pytest

from tasks import newest_client
from tasks.newest_client import tell_of_newest_client

SAY, FAIL = "print({!r})", "print({!r}); raise SystemExit(1)"
HANG = "import time\nwhile True:\n  try: time.sleep(60)\n  except KeyboardInterrupt: pass"  # whatever it is asked for
GENEROUS_SECONDS, SHORT_SECONDS = 60, 1


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Call it with the programs that stand for the package index and the trial; what is said then."""

    def say(index: str, trial: str = FAIL.format("it was tried")) -> str:
        for name, program in {"ASK": index, "TRY": trial}.items():
            module = f"stand_in_{name.lower()}"
            (tmp_path / f"{module}.py").write_text(program)
            monkeypatch.setattr(newest_client, name, (module,))
        monkeypatch.setattr(newest_client, "PROJECT", tmp_path)
        monkeypatch.setattr(newest_client, "ASK_SECONDS", SHORT_SECONDS if index == HANG else GENEROUS_SECONDS)
        monkeypatch.setattr(newest_client, "TRY_SECONDS", SHORT_SECONDS if trial == HANG else GENEROUS_SECONDS)
        monkeypatch.setattr(newest_client, "END_SECONDS", SHORT_SECONDS)
        return tell_of_newest_client()

    return say


def report(version: str) -> str:
    return SAY.format(json.dumps({"install": [{"metadata": {"name": "metaflow", "version": version}}]}))


@pytest.mark.parametrize(
    "index", [FAIL.format("no way to it"), HANG, SAY.format("nonsense"), SAY.format('{"install": []}')]
)
def test_an_index_that_does_not_answer_is_told_and_is_no_failure(says: Callable[..., str], index: str) -> None:
    assert "was not tried: the package index did not say which one that is" in says(index)


def test_the_installed_one_is_not_tried_again(says: Callable[..., str]) -> None:
    said = says(report(metaflow.__version__))
    assert said == f"Metaflow's newest client, {metaflow.__version__}, is the one that was tested"


def test_one_that_works_is_told(says: Callable[..., str]) -> None:
    assert says(report("99.1"), SAY.format("1 passed, 2 deselected")) == "Metaflow's newest client, 99.1, works too"
    assert "could not be fetched" in says(report("99.1"), SAY.format("1 skipped, 2 deselected"))


def test_one_that_fails_is_named_with_what_was_seen_and_how_to_see_it_again(says: Callable[..., str]) -> None:
    said = says(report("99.1"), FAIL.format("AssertionError: other answers"))
    assert "AssertionError: other answers" in said
    last = said.splitlines()[-1]
    assert last.startswith("WARNING: Metaflow's newest client, 99.1, FAILS here")
    assert f"(tested with {metaflow.__version__})" in last
    assert last.endswith("pytest tests/service/test_clients.py --newest-client")


def test_a_trial_that_does_not_end_is_ended(says: Callable[..., str]) -> None:
    began = time.monotonic()
    assert f"99.1, was not done after {SHORT_SECONDS} s" in says(report("99.1"), HANG)
    assert time.monotonic() - began < GENEROUS_SECONDS / 2
