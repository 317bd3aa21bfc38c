"""A file that a flow included is shown as what it holds, and not as the record that leads to it."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from metaflow.includefile import IncludedFile

from metaflow_anywhere.ui_backend.decoding.included import SHOWN_BYTES
from tests.ui_backend.test_decoding import Place


class Files(Place):
    """A datastore with files that the flow included."""

    def include(self, data: bytes, *, is_text: bool = True, encoding: str = "utf-8", stored: bool = True) -> Path:
        """Store a file as the client does; its path. `row` is the row of its artifact."""
        path = self.store.parent / "data" / "Flow" / hashlib.sha1(data).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        if stored:
            path.write_bytes(gzip.compress(data))
        url = f"local:///where/it/was/once/data/Flow/{path.name}"  # the datastore may have moved since
        self.describe(url, is_text=is_text, encoding=encoding, size=len(data))
        return path

    def describe(self, url: str, **more: object) -> None:
        self.row = self.put(IncludedFile({"type": "uploader-v2", "url": url, "sub-type": "uploaded", **more}))

    def shown(self) -> str:
        value = self.values(self.row)[0]
        return value.text or f"error: {value.error}"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    ("data", "more", "text"),
    [
        ("first line\nsecond line with ü and 中文\n".encode(), {}, "first line\nsecond line with ü and 中文\n"),
        ("größe".encode("latin-1"), {"encoding": "latin-1"}, "größe"),
        (b"\xff\x00 no text", {"is_text": False}, str(b"\xff\x00 no text")),
        (b"\xff no text", {}, "\ufffd no text"),
        (b"odd", {"encoding": "zlib_codec"}, "odd"),
        (b"", {}, "error: "),
    ],
)
def test_it_is_shown_as_the_client_reads_it(files: Files, data: bytes, more: dict[str, str], text: str) -> None:
    files.include(data, **more)  # type: ignore[arg-type]
    assert files.shown() == text
    assert files.shown() == text  # from the cache


def test_a_large_one_is_cut(files: Files) -> None:
    files.include(b"x" * (SHOWN_BYTES + 10))
    assert files.shown() == "x" * SHOWN_BYTES + "…"


def test_one_that_is_missing_or_damaged_is_told_and_hides_no_other(files: Files) -> None:
    other = files.put("other")
    files.include(b"gone", stored=False)
    gone = files.row
    path = files.include(b"damaged")
    path.write_bytes(b"\x1f\x8bnonsense")
    found = files.values(gone, files.row, other)
    assert [value.text for value in found] == ["", "", "other"]
    assert all("its file cannot be read" in value.error for value in found[:2])


@pytest.mark.parametrize("url", ["local:///etc/passwd", "local:///../../secret", "s3://bucket/key", ""])
def test_a_url_cannot_lead_out_of_the_datastore(files: Files, url: str) -> None:
    files.describe(url, is_text=True)
    assert files.shown().startswith("error: what it says of its file cannot be followed")
