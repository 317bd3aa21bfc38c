"""Which roots are refused because of their length: what Metaflow's client could not read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.stack.folders import LONGEST_DATASTORE_BYTES, require_short


@pytest.mark.parametrize("letter", ["x", "ü", "中", "\udcff"], ids=["ASCII", "two bytes", "three bytes", "no UTF-8"])
def test_a_datastore_is_refused_from_the_first_byte_too_many(letter: str) -> None:
    size = len(letter.encode("utf-8", "surrogateescape"))
    letters, rest = divmod(LONGEST_DATASTORE_BYTES - 1, size)
    longest = Path("/" + letter * letters + "x" * rest)
    require_short(longest)
    with pytest.raises(AnywhereError) as refused:
        require_short(longest.with_name(longest.name + "x"))
    assert f"{LONGEST_DATASTORE_BYTES + 1} bytes" in str(refused.value)
    assert "MF_ROOT=" in (refused.value.run or "")


def test_what_counts_is_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fits = Path("x" * (LONGEST_DATASTORE_BYTES - len(str(tmp_path)) - 1))
    require_short(fits)
    with pytest.raises(AnywhereError):
        require_short(Path(f"{fits}x"))
