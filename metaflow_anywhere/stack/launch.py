"""Become a program of the stack: ``python -I -S launch.py FILE``, where FILE is what ``supervision`` wrote of it.

So no command line, environment or path ever passes through the language of supervisord's configuration. Written to be
run as a script by an isolated interpreter: it must import nothing but the standard library.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import time

PRIVATE_UMASK = 0o077
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
MOST_FILES = 65536  # more than any of ours will open; without a limit, some programs look at each possible number


def main(arguments: list[str]) -> None:
    """Raise the limit of open files, take the environment and folder that FILE names, and replace this process."""
    with open(arguments[0], encoding="ascii") as file:  # noqa: PTH123  # pathlib costs ten milliseconds
        told = json.load(file)
    if told.get("ends_with_starter"):
        end_with_starter()
    time.sleep(told.get("begins_after", 0))
    raise_limit_of_files()
    os.umask(PRIVATE_UMASK)
    os.chdir(_bytes(told["directory"]))
    command = [_bytes(word) for word in told["command"]]
    environment = {_bytes(name): _bytes(value) for name, value in told["environment"].items()}
    try:
        os.execve(command[0], command, environment)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {os.fsdecode(command[0])}: {error.strerror}")


def end_with_starter() -> None:
    """Have the system end this process, whatever it becomes, when whoever started it is gone; Linux only."""
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def raise_limit_of_files() -> None:
    """The soft limit is for programs that use select(); ours do not, and each connection costs them a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")  # each byte stands for itself: paths need not be text in any encoding


if __name__ == "__main__":
    main(sys.argv[1:])
