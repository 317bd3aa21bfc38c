"""The files that tell ``supervisord`` and ``launch`` what to run, each written in its own language.

What has arbitrary characters (commands, environments, folders) is in a JSON file a program. supervisord's own file, in
which a percent sign, a quote, or a sign of comment after a blank changes the meaning, holds names of ours, relative to
its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from metaflow_anywhere.environment import bare_environment, program_environment
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.stack import launch

STACK_VARIABLE = "METAFLOW_ANYWHERE_STACK"  # in every program's environment, so that orphans can be told
FINGERPRINT_VARIABLE = "METAFLOW_ANYWHERE_FINGERPRINT"
PROGRAM_VARIABLE = "METAFLOW_ANYWHERE_PROGRAM"
LOG_BYTES = 10 * 1024 * 1024
OLD_LOGS = 3
START_RETRIES = 10
LAST_PRIORITY = 900  # supervisord ends those with the highest number first
FEWEST_FILES = 64  # what supervisord itself needs: a log and a pipe a program; it would insist on 1,024
FEWEST_PROCESSES = 16  # it would insist on 200, of all that this user runs
FOLDER = "programs"  # below the stack's folder
PLAIN = re.compile(r"[\w/.+@-]+", re.ASCII)  # means the same in every language that a path is written in here


@dataclass(frozen=True)
class Program:
    """One program of the stack, as its supervisor is told of it.

    ``command`` is an argument list; ``environment`` is what it is told beside what every program needs, ``keep`` names
    variables of the shell that reach it too, and ``bare`` says that it needs next to nothing (see ``environment``);
    ``fingerprint`` is any text that changes when the program has to be restarted to notice (its configuration files,
    the version of its code).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    ends_after: int = 0  # when the supervisor ends all of them, those with lower numbers go first
    directory: Path = Path("/")
    keep: tuple[str, ...] = ()
    bare: bool = False
    autostart: bool = False  # whether it runs whenever the supervisor does
    begins_after: float = 0.0  # seconds that it leaves the processors to others

    @property
    def mark(self) -> str:
        """Stands for all that the program is told, but not for the shell it is told from.

        Where this installation is counts: the one that was here before may be removed, and then nothing could be
        started again.
        """
        told = [
            launch.__file__, [*self.command], sorted(self.environment.items()), self.fingerprint, self.stop_signal,
            self.stop_seconds, self.ends_after, str(self.directory), self.autostart, self.begins_after,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """The file that ``launch`` reads, below the stack's folder."""
        return f"{FOLDER}/{self.name}-{self.mark}.json"

    def document(self, stack_id: str, environ: Mapping[str, str]) -> str:
        """What ``launch`` is told, where ``environ`` is the shell's environment."""
        inherited = bare_environment(environ) if self.bare else program_environment(environ, self.keep)
        signs = {STACK_VARIABLE: stack_id, FINGERPRINT_VARIABLE: self.mark, PROGRAM_VARIABLE: self.name}
        environment = {**inherited, **self.environment, **signs}
        told = {
            "command": [_bytes(word) for word in self.command],
            "environment": {_bytes(name): _bytes(value) for name, value in environment.items()},
            "directory": _bytes(str(self.directory)),
            "begins_after": self.begins_after,
        }
        return json.dumps(told, indent=1)


def render(stack_id: str, folder: Path, logs: Path, socket: Path, programs: Sequence[Program]) -> str:
    """supervisord's file, to be written in ``folder``, for ``programs`` with their logs in ``logs``."""
    user = "user=root\n" if os.geteuid() == 0 else ""
    head = f"""; written by metaflow-anywhere at each start
[supervisord]
logfile={_place(logs / "supervisord.log", folder)}
logfile_maxbytes={LOG_BYTES}
logfile_backups=1
pidfile=supervisord.pid
childlogdir={_place(logs, folder)}
directory=%(here)s
umask=077
minfds={FEWEST_FILES}
minprocs={FEWEST_PROCESSES}
identifier={stack_id}
{user}[unix_http_server]
file={_place(socket, folder)}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(one, stack_id, _place(logs, folder)) for one in programs)


def _section(program: Program, stack_id: str, logs: str) -> str:
    command = [sys.executable, "-I", "-S", launch.__file__, program.file_name]
    return f"""[program:{program.name}]
command={command_text(command)}
environment={STACK_VARIABLE}="{stack_id}",{FINGERPRINT_VARIABLE}="{program.mark}"
directory=%(here)s
autostart={str(program.autostart).lower()}
autorestart=true
priority={LAST_PRIORITY - program.ends_after}
startsecs=1
startretries={START_RETRIES}
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={logs}/{program.name}.log
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={OLD_LOGS}
"""


def command_text(words: Sequence[str]) -> str:
    """``words`` for ``command=``: supervisord puts in what percent signs stand for, and then splits as a shell does.

    A # or ; that follows a blank would begin a comment even within quotes: they are kept apart by quotes that end and
    begin again, which joins to the same word. Raises AnywhereError for a line break, which nothing can express.
    """
    text = shlex.join(words)
    if any(character in text for character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"):
        raise AnywhereError("the path of this installation has a line break in it", why=repr(text))
    return re.sub(r"(\s)([#;])", r"\1''\2", text).replace("%", "%%")


def _place(path: Path, folder: Path) -> str:
    """``path`` as seen from supervisord's folder; the names below it are ours, and plain."""
    if path.is_relative_to(folder):
        return str(path.relative_to(folder))
    if not PLAIN.fullmatch(str(path)):
        raise AnywhereError(f"the supervisor cannot use the folder {path}", why="its name has unusual characters")
    return str(path)


def _bytes(text: str) -> str:
    """As ``launch`` reads it."""
    return os.fsencode(text).decode("latin-1")
