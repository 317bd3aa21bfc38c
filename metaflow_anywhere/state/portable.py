"""One file that holds a database, for another machine or another PostgreSQL: written by ``pg_dump``, read by anything.

What is read may also be a plain SQL dump. It is loaded as a role that can do no harm (state/scratch): what a file says
is run as that role, and psql takes no command of its own from it.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import secrets
import subprocess
import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.errors import AnywhereError, reason
from metaflow_anywhere.modes import touch_private
from metaflow_anywhere.postgres import ProgramFailed, Programs
from metaflow_anywhere.state.dumps import dump_database

CUSTOM_MAGIC = b"PGDMP"
LEVEL = 6  # written once, and often sent somewhere
TAIL_LINES = 6
COPY_BEGINS = re.compile(rb"COPY .* FROM stdin;\s*$")
COPY_ENDS = rb"\."
GZIP_MAGIC = b"\x1f\x8b"
DUMP_BEGINS, DUMP_ENDS = b"-- PostgreSQL database dump\n", b"-- PostgreSQL database dump complete\n"
QUOTE_OR_COMMENT = re.compile(rb"--|'|\"|\$(?:[A-Za-z_]\w*)?\$")
# Of a plain dump: who owns what and who may do what elsewhere, psql's own commands, and what a role may not do. Passing
# these over is a convenience only: a command that gets through is refused by psql, and a statement by the server.
NOT_FOR_US = re.compile(
    rb"(\\|GRANT |REVOKE |ALTER DEFAULT PRIVILEGES |COMMENT ON (SCHEMA|EXTENSION) |CREATE EXTENSION "
    rb"|(CREATE|ALTER) DATABASE |CREATE SCHEMA public;|ALTER .* OWNER TO .*;\s*$)"
)
# Of a custom dump: what the rows of tables need. Functions, triggers, rules, views, extensions ... stay in the file.
LISTED = re.compile(
    r"\d+; \d+ \d+ (SCHEMA|TABLE DATA|TABLE|SEQUENCE OWNED BY|SEQUENCE SET|SEQUENCE|DEFAULT) (\S+) (\S+)( |$)"
)


def export_database(programs: Programs, conninfo: str, file: Path) -> int:
    """Write the database in ``conninfo`` to ``file``; returns its bytes. ``file`` appears whole, or stays as it was.

    Raises AnywhereError.
    """
    if not file.parent.is_dir():
        raise AnywhereError(f"cannot write {file}", why=f"{file.parent} is not a folder")
    half = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        touch_private(half)  # whose it is is up to the user: it holds all that was ever recorded
        dump_database(programs, conninfo, half, LEVEL)
        ourselves = Account(os.geteuid(), os.getegid()) if programs.account else None
        programs.run("pg_restore", "--list", half, account=ourselves)
        half.replace(file)
        return file.stat().st_size
    except ProgramFailed as error:
        raise AnywhereError(f"cannot write {file}", why=error.why) from error
    except OSError as error:
        raise AnywhereError(f"cannot write {file}", why=reason(error)) from error
    finally:
        half.unlink(missing_ok=True)


def load(programs: Programs, conninfo: str, file: Path, tables: Collection[str]) -> None:
    """Load ``file`` into the empty database in ``conninfo``, as the role it names; of a custom dump, ``tables`` only.

    Raises AnywhereError.
    """
    try:
        with file.open("rb") as beginning:
            magic = beginning.read(len(CUSTOM_MAGIC))
        if magic == CUSTOM_MAGIC:
            _restore(programs, conninfo, file, tables)
        else:
            with gzip.open(file) if magic.startswith(GZIP_MAGIC) else file.open("rb") as source:
                _replay(programs, conninfo, source, file)
    except (EOFError, zlib.error):
        raise _incomplete(file) from None
    except OSError as error:
        raise AnywhereError(f"cannot read {file}", why=reason(error)) from error


def _restore(programs: Programs, conninfo: str, file: Path, tables: Collection[str]) -> None:
    pipe, out = subprocess.PIPE, subprocess.STDOUT
    with file.open("rb") as source:
        listing = programs.popen("pg_restore", "--list", stdin=source, stdout=pipe, stderr=out)
        printed = listing.communicate()[0]
        _end(listing, printed, file)
    with tempfile.NamedTemporaryFile("w", prefix="mfa-list-") as chosen, file.open("rb") as source:
        chosen.writelines(_chosen(printed.decode("utf-8", "replace").splitlines(), tables, file))
        chosen.flush()
        if programs.account:
            programs.account.owns(Path(chosen.name))
        process = programs.popen(
            "pg_restore", "--no-owner", "--no-acl", "--no-comments", "--exit-on-error", "-L", chosen.name,
            "-d", conninfo, stdin=source, stdout=pipe, stderr=out,
        )  # fmt: skip
        _end(process, process.communicate()[0], file)


def _chosen(listed: Iterable[str], tables: Collection[str], file: Path) -> Iterator[str]:
    """The lines of a custom dump's list that make ``tables`` and fill them. Raises AnywhereError if there are none."""
    found = [(match[1], match[3], line) for line in listed if (match := LISTED.match(line))]
    there = [name for kind, name, _ in found if kind == "TABLE"]
    if not set(there) & set(tables):
        why = f"there is no table {next(iter(tables))} in it" + (f", but {', '.join(there[:5])}" if there else "")
        raise AnywhereError(f"{file} cannot be loaded", why=why)
    for kind, name, line in found:
        of_one = any(name.startswith(f"{table}_") for table in tables)  # a serial column's sequence
        if kind in ("SCHEMA", "SEQUENCE") or name in tables or (kind.startswith("SEQUENCE ") and of_one):
            yield f"{line}\n"


def _replay(programs: Programs, conninfo: str, source: Iterable[bytes], file: Path) -> None:
    with tempfile.TemporaryFile() as messages:
        process = programs.popen(
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", conninfo, "-f", "-",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages,
        )  # fmt: skip
        assert process.stdin
        try:
            with contextlib.suppress(BrokenPipeError):  # it stopped at an error, and says so
                process.stdin.write(b"\\restrict %s\n" % secrets.token_hex(32).encode())
                for line in _for_us(source, file):
                    process.stdin.write(line)
                process.stdin.close()
        except BaseException:
            process.kill()  # or it would commit what came so far
            raise
        finally:
            process.wait()
        messages.seek(0)
        _end(process, messages.read(), file)


def _for_us(source: Iterable[bytes], file: Path) -> Iterator[bytes]:
    """The lines of a plain dump that make tables and fill them. Raises AnywhereError at the end if it has none."""
    copying, quote = False, b""
    begun = ended = False
    for line in source:
        if copying:
            copying = line.rstrip() != COPY_ENDS
            yield line
            continue
        begun, ended = begun or line == DUMP_BEGINS, ended or line == DUMP_ENDS
        if quote or not NOT_FOR_US.match(line):
            copying = not quote and bool(COPY_BEGINS.match(line))
            quote = _quote_after(line, quote)
            yield line
    if copying or (begun and not ended):
        raise _incomplete(file)
    if quote:
        raise AnywhereError(f"{file} cannot be loaded", why="it is neither a dump of PostgreSQL nor SQL")


def _quote_after(line: bytes, quote: bytes) -> bytes:
    """Which quote is open at the end of ``line``, if ``quote`` was at its beginning (nothing: none)."""
    position = 0
    while True:
        if quote:
            at = line.find(quote, position)
            if at < 0:
                return quote
            position, quote = at + len(quote), b""
        else:
            found = QUOTE_OR_COMMENT.search(line, position)
            if found is None or found[0] == b"--":
                return b""
            position, quote = found.end(), found[0]


def _incomplete(file: Path) -> AnywhereError:
    return AnywhereError(f"{file} cannot be loaded", why="it is cut off: its end is missing")


def _end(process: subprocess.Popen[bytes], printed: bytes, file: Path) -> None:
    if process.returncode != 0:
        lines = printed.decode("utf-8", "replace").strip().splitlines()
        why = "\n".join(lines[-TAIL_LINES:]) or "the program gave no reason"
        raise AnywhereError(f"{file} cannot be loaded", why=why)
