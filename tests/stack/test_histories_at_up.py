"""Each `up` names what the mirror holds beside the newest state, also when there is nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.graph import Verdict, needed, satisfied
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import Stack
from metaflow_anywhere.stack.stages.base import ProgramStage
from metaflow_anywhere.stack.stages.mirror import Sync
from metaflow_anywhere.state.standing import Reporter

BESIDE = "beside the newest state: incarnation 2-0badcafe of old"


@pytest.mark.parametrize(
    ("found", "told"),
    [(satisfied("mirrored"), f"mirrored; {BESIDE}"), (needed("it is not running"), "it is not running")],
)
def test_histories_are_named_where_the_mirror_is_up(
    found: Verdict, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(resolve(environ={"MF_ROOT": str(tmp_path / "root"), "MF_STATE_DIR": str(tmp_path / "state")}))
    stack.folder.mkdir(parents=True)
    monkeypatch.setattr(ProgramStage, "check", lambda _: found)
    assert Sync(stack).check().why == found.why, "nothing is known yet"
    Reporter(stack.standing_file).tell(force=True, aside=[BESIDE])
    assert Sync(stack).check().why == told
