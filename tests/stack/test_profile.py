"""A profile of Metaflow is written where Metaflow finds it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack import profile

SETTINGS = resolve(environ={"MF_ROOT": "/tmp/somewhere", "MF_STATE_DIR": "/tmp/elsewhere"})


@pytest.mark.parametrize("name", ["../x", "a/b", "x y", ".hidden", "-x", "a\nb", "ü"])
def test_what_is_no_name_of_a_profile_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnywhereError, match="is no name of a profile") as caught:
        profile.write(SETTINGS, name, {"METAFLOW_HOME": str(tmp_path / "config")})
    assert "configure --name" in caught.value.run
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "anywhere", "my_team-2.x"])
def test_a_profile_is_written_and_known_as_ours(tmp_path: Path, name: str) -> None:
    environ = {"METAFLOW_HOME": str(tmp_path)}
    done = profile.write(SETTINGS, name, environ)
    assert done.path == tmp_path / (f"config_{name}.json" if name else "config.json")
    assert [one.path for one in profile.ours(SETTINGS, environ)] == [done.path]
