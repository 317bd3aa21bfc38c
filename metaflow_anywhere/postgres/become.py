"""Give up root for good, then become another program: ``python -I -S become.py UID GID PROGRAM [ARGUMENT ...]``.

Written to be run as a script by an isolated interpreter: it must import nothing but the built-in modules.
"""

import os
import sys


def main(arguments: list[str]) -> None:
    """Drop groups, group and user (in that order: the last step cannot be undone), then replace this process."""
    uid, gid, program = int(arguments[0]), int(arguments[1]), arguments[2]
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.chdir("/")
    os.execv(program, arguments[2:])  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
