"""``logs`` of what there is not: told from what has only not been written yet, whatever was up on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from tasks.daily import logs


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))


def refusal(stack: Stack, program: str) -> AnywhereError:
    body: Any = logs.body.__wrapped__  # type: ignore[attr-defined]
    with pytest.raises(AnywhereError) as caught:
        body(stack, program)
    return caught.value


@pytest.mark.parametrize(("typed", "meant"), [("servce", "service"), ("databse", "database"), ("watchdgo", "watchdog")])
def test_a_misspelt_program_is_told_as_that_where_nothing_was_ever_up(stack: Stack, typed: str, meant: str) -> None:
    refused = refusal(stack, typed)
    assert str(refused).startswith(f"no program '{typed}'")
    assert refused.run.endswith(f"logs {meant}")
    assert "sync" in refused.why


def test_a_word_that_is_like_none_has_no_command_that_does_not_help(stack: Stack) -> None:
    assert refusal(stack, "xyzzy").run == ""


def test_a_program_that_has_no_log_yet_is_brought_up(stack: Stack) -> None:
    refused = refusal(stack, "service")
    assert str(refused).startswith("no log of service yet")
    assert refused.run.endswith("up")


def test_where_there_are_logs_of_others_those_are_shown(stack: Stack) -> None:
    stack.settings.log_dir.mkdir(parents=True)
    (stack.settings.log_dir / "database.log").write_text("ready\n")
    refused = refusal(stack, "service")
    assert "database" in refused.why
    assert refused.run.endswith("logs")
