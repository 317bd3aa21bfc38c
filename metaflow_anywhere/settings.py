"""Every setting, resolved once, typed, frozen and printable with its origin. The only reader of the environment.

Sources, each winning over those before it (Invoke's own order): the profile's defaults, ``invoke.yaml`` (system, user,
project), the environment, a file given by ``invoke -f``, the command line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.far.places import ask, resolved
from metaflow_anywhere.far.reach import PATIENCE_SECONDS
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import WITHOUT_LINKS, kind_of_file_system, kind_without_modes
from metaflow_anywhere.setting_values import (
    as_flag,
    as_name,
    as_origins,
    as_path,
    as_port,
    as_seconds,
    as_text_path,
    as_url,
    as_word,
    one_of,
)  # fmt: skip
from metaflow_anywhere.spelling import closest

APPLICATION = "metaflow-anywhere"
SECTION = "anywhere"  # the key in invoke.yaml below which our settings stand
LONGEST_SOCKET_FOLDER = 80  # of the 107 bytes that a Unix socket's path may have, the rest is for its name
UNFIT_FOR_SOCKETS = frozenset(",'\"\\{}$`")  # libpq and PostgreSQL take commas for lists, Caddy braces for placeholders
PROFILES = ("local", "colab", "remote")
RUNTIMES = ("embedded", "udocker")
TUNNELS = ("none",)


class SettingsError(AnywhereError):
    """A setting is unknown or malformed; the message names where it comes from."""


@dataclass(frozen=True)
class Layer:
    """Some settings that come from one place; ``origin`` is how the user knows that place."""

    origin: str
    values: Mapping[str, Any]


def _setting(env: str, parse: Callable[[Any], Any], meaning: str, *, secret: bool = False) -> Any:
    return field(metadata={"env": env, "parse": parse, "meaning": meaning, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """What one stack is. ``origins`` tells for each field where its value comes from."""

    profile: str = _setting("MF_PROFILE", one_of(PROFILES), "the defaults that fit a place; found automatically")
    root: Path = _setting("MF_ROOT", as_text_path, "the one directory worth keeping")
    runtime: str = _setting(
        "MF_RUNTIME", one_of(RUNTIMES), "how programs run: from wheels, or in user-space containers"
    )
    port: int = _setting("MF_PORT", as_port, "the proxy: the one port to open in a browser and to point flows at")
    tunnel: str = _setting("MF_TUNNEL", one_of(TUNNELS), "a public URL, when asked for")
    ui_ext_url: str = _setting("UI_EXT_URL", as_url, "the URL under which users reach the proxy")
    ui_folder: Path | None = _setting(
        "MF_UI_FOLDER", as_path, "the folder of another web UI's build, shown in the place of the built-in one"
    )
    ui_origins: str = _setting(
        "MF_UI_ORIGINS", as_origins, "origins of other web UIs whose pages may read the UI backend from a browser"
    )
    ui_open_cards: bool = _setting(
        "MF_UI_OPEN_CARDS", as_flag, "cards share the page's origin, as another UI's live cards need: their scripts may"
        " then do all that you may",
    )  # fmt: skip
    pgdata_dir: Path = _setting("PGDATA_DIR", as_path, "the database's own files, on a fast local disk")
    datastore_dir: Path = _setting("DATASTORE_DIR", as_text_path, "artifacts, logs of tasks and cards")
    state_dir: Path = _setting(
        "MF_STATE_DIR", as_path, "what belongs to this machine: programs, sockets, logs, passwords"
    )
    drive_patience: int = _setting(
        "MF_DRIVE_PATIENCE", as_seconds, "how many seconds one operation on root may take before it counts as hanging"
    )
    expose_inner: bool = _setting(
        "MF_EXPOSE_INNER", as_flag, "open the ports below on loopback, for debugging; they bypass the proxy"
    )
    metadata_port: int = _setting("MF_METADATA_PORT", as_port, "the metadata service, with expose_inner")
    ui_metadata_port: int = _setting("MF_UI_METADATA_PORT", as_port, "the UI backend, with expose_inner")
    database_port: int = _setting(
        "MF_DATABASE_PORT", as_port, "PostgreSQL, with expose_inner; without, in its socket's name"
    )
    client_user: str = _setting("METAFLOW_USER", as_name, "the name under which `run` runs flows, in place of your own")
    database_password: str | None = _setting(
        "MF_METADATA_DB_PSWD", as_word, "the database's password; one is generated if none is given", secret=True
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def stack_id(self) -> str:
        """Eight hexadecimal digits that stand for this root on this machine."""
        return hashlib.sha256(os.fsencode(resolved(self.root))).hexdigest()[:8]

    @property
    def stack_dir(self) -> Path:
        """What belongs to this stack on this machine; thrown away without loss."""
        return self.state_dir / "stacks" / self.stack_id

    @property
    def log_dir(self) -> Path:
        """The logs of the stack's programs."""
        return self.stack_dir / "logs"

    @property
    def client_cache(self) -> Path:
        """What the client keeps of artifacts it has read.

        Its own default is one folder in /tmp for all users and stacks, where the next user may not write, and where run
        1 of a new database would show the artifacts of run 1 of the one before.
        """
        return (
            self.stack_dir / "client" / "cache"
        )  # Metaflow makes its folder for everybody to read; the one above is not

    @property
    def run_dir(self) -> Path:
        """Sockets; in ``/tmp`` where the proper place would make their paths too long, or no paths to their users."""
        proper = self.stack_dir / "run"
        if len(os.fsencode(proper)) <= LONGEST_SOCKET_FOLDER and not set(str(proper)) & UNFIT_FOR_SOCKETS:
            return proper
        return Path(f"/tmp/{APPLICATION}-{os.geteuid()}-{self.stack_id}")

    def is_default(self, name: str) -> bool:
        """Whether nobody asked for this value, so that another may be taken where it does not fit."""
        return self.origins.get(name, "").startswith("default")


@dataclass(frozen=True)
class Row:
    """One setting as it is shown: ``value`` is masked if it is a secret."""

    name: str
    value: str
    origin: str
    env: str
    meaning: str


def rows(settings: Settings) -> list[Row]:
    """Every setting in the order of the class, for people to read."""
    found = []
    for one in _fields():
        value = getattr(settings, one.name)
        nothing = "(generated)" if one.metadata["secret"] else "(none)"
        shown = nothing if value is None else "********" if one.metadata["secret"] else str(value)
        found.append(Row(one.name, shown, settings.origins[one.name], one.metadata["env"], one.metadata["meaning"]))
    return found


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables that ``resolve`` would read them from, for a program of the stack; no secrets."""
    told = {one.metadata["env"]: getattr(settings, one.name) for one in _fields() if not one.metadata["secret"]}
    return {env: str(value) for env, value in told.items() if value is not None}


def resolve(
    files: Iterable[Layer] = (),
    options: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    late_files: Iterable[Layer] = (),
) -> Settings:
    """Resolve every setting; ``files`` lose against the environment, ``late_files`` win over it, ``options`` over all.

    An option of None counts as not given. Raises SettingsError naming the source of the first value that is wrong.
    """
    environ = os.environ if environ is None else environ
    by_env = {one.metadata["env"]: one.name for one in _fields()}
    layers = [*files]
    layers += [Layer(f"environment: {env}", {name: environ[env]}) for env, name in by_env.items() if environ.get(env)]
    layers += [*late_files]
    layers += [Layer(f"option: --{name.replace('_', '-')}", {name: value}) for name, value in (options or {}).items()]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            if value is not None:
                values[name] = _parsed(name, value, layer.origin)
                origins[name] = layer.origin
    for name, make in DEFAULTS.items():  # each default may look at the values above it
        if name not in values:
            made, why = make(values, environ)
            # Parsed as well: what comes of the surroundings is handed on as if it had been asked for.
            values[name] = made if made is None else _parsed(name, made, why or "its default")
            origins[name] = f"default{f': {why}' if why else ''}"
    return Settings(**values, origins=origins)


def _parsed(name: str, value: Any, origin: str) -> Any:
    found = {one.name: one for one in _fields()}
    if name not in found:
        close = closest(name, found)
        hint = f"did you mean {close}?" if close else "settings are: " + ", ".join(found)
        raise SettingsError(
            f"unknown setting '{name}'", why=f"it comes from {origin}; {hint}", run=command("settings", without=name)
        )
    try:
        return found[name].metadata["parse"](value)
    except ValueError as error:
        shown = "the given value" if found[name].metadata["secret"] else f"'{value}'"
        raise SettingsError(f"{name}: {shown} {error}", why=f"it comes from {origin}") from None


def _fields() -> list[dataclasses.Field[Any]]:
    return [one for one in dataclasses.fields(Settings) if one.metadata]


# ---- defaults: each is given the values known so far and the environment, and returns (value, why or "")

Default = Callable[[Mapping[str, Any], Mapping[str, str]], tuple[Any, str]]


def _always(value: Any) -> Default:
    return lambda values, environ: (value, "")


def in_colab() -> bool:
    """Whether this is a Google Colab runtime."""
    try:
        return importlib.util.find_spec("google.colab") is not None and Path("/content").is_dir()
    except ModuleNotFoundError:
        return False


def _default_profile(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, str]:
    return ("colab", "google.colab can be imported") if in_colab() else ("local", "")


def _default_root(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, str]:
    if values["profile"] == "colab":
        drive = Path("/content/drive/MyDrive")
        if ask(drive, True, drive.is_dir):  # a drive that hangs is mounted
            return drive / APPLICATION, "Google Drive is mounted"
        return Path("/content") / APPLICATION, "Google Drive is not mounted: this is lost with the runtime"
    data = Path("/data")
    if os.access(data, os.W_OK | os.X_OK) or (not data.exists() and os.access("/", os.W_OK)):
        return data, ""
    return _in_home(platformdirs.user_data_path, "MF_ROOT") / "root", "/data cannot be written"


def _default_state(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, str]:
    if os.geteuid() == 0:
        return Path("/var/lib") / APPLICATION, ""
    return _in_home(platformdirs.user_state_path, "MF_STATE_DIR"), ""


def _in_home(place: Callable[[str], Path], env: str) -> Path:
    """Our folder in the user's home, which ``place`` knows. Raises SettingsError for users without one."""
    try:
        return place(APPLICATION)
    except RuntimeError:
        raise SettingsError(
            "no home folder is known", why="HOME is not set, and this user has no entry in /etc/passwd",
            run=f"{env}=/a/folder/of/yours {command('up')}   (or set HOME)",
        ) from None  # fmt: skip


def _default_pgdata(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, str]:
    if values["profile"] == "colab":
        return Path("/content/pgdata"), "a local disk, not the drive"
    inside: Path = values["root"] / "pgdata"
    account = Account.for_this_process()
    closed = ask(inside, None, account.closed_parent, inside) if account else None
    kind = kind_without_modes(inside)
    if kind and ask(inside, False, (inside / "PG_VERSION").is_file):
        kind = None  # one that is there goes on
    if closed is None and kind is None:
        return inside, ""
    stack_id = hashlib.sha256(os.fsencode(resolved(values["root"]))).hexdigest()[:8]
    why = f"PostgreSQL's own user may not enter {closed}" if closed else f"{values['root']} is on {kind}"
    return values["state_dir"] / "stacks" / stack_id / "pgdata", why


def _default_datastore(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, str]:
    """Inside root, unless that is on a drive without links, by which the client finds its cards again."""
    inside: Path = values["root"] / "datastore"
    kind, joined = kind_of_file_system(inside), inside / ".metaflow" / "mf.cards"
    if kind not in WITHOUT_LINKS or ask(inside, False, joined.is_symlink) or shutil.which("rsync") is None:
        return inside, ""
    stack_id = hashlib.sha256(os.fsencode(resolved(values["root"]))).hexdigest()[:8]
    why = f"{values['root']} is on {kind}, which has no links; it is copied there"
    return values["state_dir"] / "stacks" / stack_id / "datastore", why


def _default_user(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, str]:
    for name in ("SUDO_USER", "USERNAME", "USER"):
        if environ.get(name) and environ[name] != "root":
            return environ[name], name
    return "anywhere", "metaflow takes no root"


DEFAULTS: Mapping[str, Default] = {
    "profile": _default_profile,
    "root": _default_root,
    "runtime": _always("embedded"),
    "port": _always(7860),
    "tunnel": _always("none"),
    "ui_ext_url": lambda values, environ: (f"http://127.0.0.1:{values['port']}", ""),
    "ui_folder": _always(None),
    "ui_origins": _always(""),
    "ui_open_cards": _always(False),
    "state_dir": _default_state,
    "pgdata_dir": _default_pgdata,
    "datastore_dir": _default_datastore,
    "drive_patience": _always(PATIENCE_SECONDS),
    "expose_inner": _always(False),
    "metadata_port": _always(8888),
    "ui_metadata_port": _always(8083),
    "database_port": _always(54320),
    "client_user": _default_user,
    "database_password": _always(None),
}
