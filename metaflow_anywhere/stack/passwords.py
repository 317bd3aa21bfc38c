"""The database's passwords on this machine: generated, kept in one file that only its owner reads, in libpq's own form.

They never leave the machine: a database brought here from elsewhere is given this machine's passwords.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, write_private
from metaflow_anywhere.postgres.cluster import SUPERUSER

SERVICE_ROLE = "metaflow"  # owns the database; what the services connect as
DATABASE = "metaflow"


def ensure_passwords(path: Path, chosen: str | None) -> dict[str, str]:
    """The password of each role, from the pgpass file ``path``, which is made or mended first.

    ``chosen`` is the user's own password for the service role, if there is one.
    """
    found = read_passwords(path)
    wanted = {role: found.get(role) or secrets.token_hex(24) for role in (SUPERUSER, SERVICE_ROLE)}
    if chosen:
        wanted[SERVICE_ROLE] = chosen
    if wanted != found:
        make_folder(path.parent, PRIVATE_FOLDER, PRIVATE_FOLDER)
        path.parent.chmod(PRIVATE_FOLDER)
        half = path.with_name(f".{path.name}.new")
        lines = "".join(f"*:*:*:{role}:{_escaped(password)}\n" for role, password in wanted.items())
        write_private(half, lines)
        half.replace(path)
    return wanted


def read_passwords(path: Path) -> dict[str, str]:
    """The passwords in ``path`` by role; none if it cannot be read."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        parts = line.split(":", 4)
        if len(parts) == 5:
            found[parts[3]] = parts[4].replace("\\:", ":").replace("\\\\", "\\")
    return found


def _escaped(password: str) -> str:
    """A password as a field of a pgpass file (https://www.postgresql.org/docs/current/libpq-pgpass.html)."""
    return password.replace("\\", "\\\\").replace(":", "\\:")
