"""The content of included files: an ``IncludeFile`` artifact says only where its file is, beside the datastore."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

from metaflow_anywhere.ui_backend.datastore import SHA, Datastore, Folder, OutsideDatastore
from metaflow_anywhere.ui_backend.decoding.value import UNREADABLE, Value

KIND = "metaflow.includefile.IncludedFile"
UPLOADED = ("uploader-v1", "uploader-v2")  # by the client, compressed; others name a file that it did not copy
FOLDER = "data"
STORED_BYTES = 16 * 2**20  # what is read of a file, compressed; a larger one is shown by its beginning
SHOWN_BYTES = 64 * 1024
GZIP = 31  # how zlib is told to expect it


def included(datastore: Datastore, flow: str, value: Value) -> Value:
    """``value``, which describes an included file, as the file's text (its bytes as Python writes them, if binary)."""
    try:
        descriptor = json.loads(value.json or "")
        data, whole = _read(datastore, flow, descriptor)
    except (OutsideDatastore, ValueError, LookupError, TypeError) as error:
        return replace(value, text="", json=None, error=f"what it says of its file cannot be followed: {error}")
    except (OSError, zlib.error):
        return replace(value, text="", json=None, error="its file cannot be read in the datastore", name=UNREADABLE)
    text = _text(data, descriptor)
    return replace(value, text=text if whole else text + "…", json=json.dumps(text) if whole else None)


def _read(datastore: Datastore, flow: str, descriptor: dict[str, Any]) -> tuple[bytes, bool]:
    """The beginning of the file, and whether that is all of it."""
    if descriptor["type"] not in UPLOADED or descriptor.get("sub-type", "uploaded") != "uploaded":
        raise OutsideDatastore("it is outside of the datastore")
    sha = str(descriptor["url"]).rpartition("/")[2]
    if not SHA.fullmatch(sha):
        raise OutsideDatastore(f"{sha[:60]!r} is no name of an included file")
    with Folder(datastore.root.parent).open(FOLDER, flow, sha) as file:
        unzip = zlib.decompressobj(wbits=GZIP)
        data = unzip.decompress(file.read(STORED_BYTES), SHOWN_BYTES)
    return data, unzip.eof and not unzip.unconsumed_tail


def _text(data: bytes, descriptor: dict[str, Any]) -> str:
    if not descriptor.get("is_text", True):
        return repr(data)
    try:
        return data.decode(descriptor.get("encoding") or "utf-8", "replace")
    except (LookupError, TypeError, ValueError):
        return data.decode("utf-8", "replace")
