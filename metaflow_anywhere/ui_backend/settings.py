"""What the UI backend is told by its environment and command line."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_anywhere.database.cutoffs import DAY_SECONDS, Cutoffs
from metaflow_anywhere.database.settings import DatabaseSettings, SettingsError, whole_number
from metaflow_anywhere.http import Place
from metaflow_anywhere.ui_backend.building import BUILT

PORT = 8083
PAGE_SETTINGS = ("METAFLOW_SERVICE", "METAFLOW_METADATA_SERVICE", "MF_DEFAULT_TIME_FILTER_DAYS")
ORNAMENTS = ("CUSTOM_QUICKLINKS", "NOTIFICATIONS")
FALSE_WORDS = frozenset({"0", "false", "f"})
DEFAULT_LINKS = (
    {"href": "https://docs.metaflow.org/", "label": "Documentation"},
    {"href": "http://chat.metaflow.org/", "label": "Help"},
)


@dataclass(frozen=True)
class UISettings:
    """Everything the UI backend can be told."""

    place: Place
    database: DatabaseSettings
    cutoffs: Cutoffs
    base_url: str
    allowed_origins: tuple[str, ...]
    metadata_url: str
    metadata_socket: Path | None
    datastore: Path
    card_folders: tuple[Path, ...]
    cache_folder: Path
    cache_bytes: int
    artifact_bytes: int
    page: Path | None
    page_settings: Mapping[str, str]
    public_url: str
    frame_ancestors: str
    open_cards: bool
    features: Mapping[str, bool]
    links: list[Any]
    notifications: list[Any]
    analytics: str
    replay_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> UISettings:
        """Read what ``__main__.ENVIRONMENT`` lists. Raises SettingsError."""
        kibibytes = whole_number(environment, "MAX_PROCESSABLE_S3_ARTIFACT_SIZE_KB", default=4, low=0, high=2**20)
        metadata_unix = environment.get("MF_METADATA_SOCKET")
        return cls(
            place=Place.from_environment(environment, "MF_UI_METADATA", PORT),
            database=DatabaseSettings.from_environment(environment),
            cutoffs=Cutoffs.from_environment(environment),
            base_url=environment.get("MF_BASEURL", "").rstrip("/"),
            allowed_origins=_list(environment.get("ORIGIN_TO_ALLOW_CORS_FROM", "")) or ("*",),
            metadata_url=_metadata_url(environment),
            metadata_socket=Path(metadata_unix) if metadata_unix else None,
            datastore=Path(environment.get("METAFLOW_DATASTORE_SYSROOT_LOCAL") or Path.cwd()).absolute(),
            card_folders=tuple(Path(text) for text in environment.get("MF_CARD_FOLDERS", "").split(os.pathsep) if text),
            cache_folder=_cache_folder(environment),
            cache_bytes=whole_number(environment, "MF_UI_CACHE_MB", default=64, low=0, high=2**20) * 2**20,
            artifact_bytes=kibibytes * 1024,
            page=_page(environment),
            page_settings={name: environment[name] for name in PAGE_SETTINGS if environment.get(name)},
            public_url=environment.get("UI_EXT_URL", ""),
            frame_ancestors=_frame_ancestors(environment),
            open_cards=environment.get("MF_UI_OPEN_CARDS", "").strip().lower() not in (*FALSE_WORDS, "", "no"),
            features={
                name: value.strip().lower() not in FALSE_WORDS
                for name, value in environment.items()
                if name.startswith("FEATURE_")
            },
            links=_json_list(environment, "CUSTOM_QUICKLINKS", list(DEFAULT_LINKS))[0],
            notifications=_json_list(environment, "NOTIFICATIONS", [])[0],
            analytics=environment.get("GA_TRACKING_ID", ""),
            replay_seconds=whole_number(environment, "WS_QUEUE_TTL_SECONDS", default=300, low=1, high=DAY_SECONDS),
        )


def _metadata_url(environment: Mapping[str, str]) -> str:
    """Where the metadata service is: the names that tell the service itself where to listen."""
    host = environment.get("MF_METADATA_HOST") or "127.0.0.1"
    port = whole_number(environment, "MF_METADATA_PORT", default=8080, low=1, high=65535)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _cache_folder(environment: Mapping[str, str]) -> Path:
    given = environment.get("MF_UI_CACHE_DIR") or environment.get("CARD_CACHE_STORAGE_PATH")
    return Path(given or Path(tempfile.gettempdir()) / f"metaflow-anywhere-ui-{os.getuid()}").absolute()


def _page(environment: Mapping[str, str]) -> Path | None:
    """The folder of the built UI: ``UI_ENABLED`` itself, or else ``UI_FOLDER``, or else our own where it was built."""
    text = environment.get("UI_ENABLED", "").strip()
    if text.lower() in FALSE_WORDS:
        return None
    folder = Path(text if "/" in text else environment.get("UI_FOLDER") or BUILT)
    if (folder / "index.html").is_file():
        return folder
    if text:
        raise SettingsError(f"UI_ENABLED is set, and there is no {folder / 'index.html'}")
    return None


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _frame_ancestors(environment: Mapping[str, str]) -> str:
    """What may show the page and cards in a frame, as a Content-Security-Policy has it."""
    text = environment.get("MF_UI_FRAME_ANCESTORS", "").strip()
    if any(character in text for character in ";,'\r\n"):
        raise SettingsError(f"MF_UI_FRAME_ANCESTORS is {text!r}, and must be a list of origins separated by spaces")
    return f"'self' {text}".strip()


def _json_list(environment: Mapping[str, str], name: str, default: list[Any]) -> tuple[list[Any], str]:
    """The list in a variable, and what is wrong with it: a typo in an ornament must not stop everything."""
    text = environment.get(name, "").strip()
    if not text:
        return default, ""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list):
        return default, f"{name} is left out: it must be a JSON array, and begins with {text[:20]!r}"
    return found, ""


def ornament_faults(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with the settings that the UI backend can do without; it starts without those."""
    return [fault for name in ORNAMENTS if (fault := _json_list(environment, name, [])[1])]
