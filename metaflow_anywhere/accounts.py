"""Whom PostgreSQL runs as: itself refuses to run as root, and so do we on its behalf."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOTS_STAND_IN_UID = 61042  # in the range that systemd's UIDS-GIDS page leaves unassigned; needs no passwd entry


@dataclass(frozen=True)
class Account:
    """The numeric user and group that PostgreSQL runs as when we are root."""

    uid: int
    gid: int

    @classmethod
    def for_this_process(cls) -> Account | None:
        """None when we are not root: then PostgreSQL simply runs as ourselves."""
        return cls(ROOTS_STAND_IN_UID, ROOTS_STAND_IN_UID) if os.geteuid() == 0 else None

    @classmethod
    def with_passwd_entry(cls) -> Account:
        """The account ``initdb`` is run as: it looks its own name up, so a bare number will not do."""
        import pwd  # noqa: PLC0415  # not on Windows, where nobody is root

        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)

    def owns(self, path: Path) -> None:
        """Make ``path`` this account's own (the path itself, not what is below it)."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_reach(self, path: Path) -> bool:
        """Whether every existing folder above ``path`` lets this account pass."""
        return self.closed_parent(path) is None

    def closed_parent(self, path: Path) -> Path | None:
        """The topmost existing folder above ``path`` that this account may not pass, if any."""
        for parent in reversed(path.absolute().parents):
            try:
                found = parent.stat()
            except OSError:  # not there, or with a name that nothing can have
                return None
            mine = found.st_uid == self.uid
            passes = found.st_mode & (0o100 if mine else 0o010 if found.st_gid == self.gid else 0o001)
            if not passes:
                return parent
        return None
