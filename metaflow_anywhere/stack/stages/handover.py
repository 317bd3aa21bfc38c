"""The proxy is replaced without a moment in which nobody listens, so that no flow and no browser is refused.

Caddy shares its port (SO_REUSEPORT). So a third one, as the new one will be, listens from before the old one ends until
the new one listens.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import NotYet, Progress, wait_until
from metaflow_anywhere.modes import write_private
from metaflow_anywhere.stack.beside import running
from metaflow_anywhere.stack.ports import listens
from metaflow_anywhere.stack.questions import is_own_proxy
from metaflow_anywhere.stack.stack import Stack

LISTENS_SECONDS = 20.0  # a busy machine takes some to start a program of 40 MB


@contextlib.contextmanager
def one_in_between(stack: Stack, progress: Progress) -> Iterator[None]:
    """While the block lasts, another proxy listens, if there is one that the block will replace.

    That none can be started is no error: clients try again by themselves.
    """
    program = stack.proxy_program()
    info = stack.supervisor.info(program.name)
    if info is None or not info.running or stack.supervisor.is_current(program) or not is_own_proxy(stack):
        yield
        return
    configuration, told = stack.caddyfile.with_suffix(".between"), stack.folder / "between.json"
    write_private(configuration, stack.proxy_configuration())
    command = [str(configuration) if word == str(stack.caddyfile) else word for word in program.command]
    plain = json.loads(dataclasses.replace(program, command=command).document(stack.settings.stack_id, os.environ))
    document = json.dumps({**plain, "ends_with_starter": True})
    try:
        with running(stack, document, told, stack.log(program.name)) as process:
            with contextlib.suppress(AnywhereError):
                await_listening(process.pid, stack, progress)
            yield
            now = stack.supervisor.info(program.name)
            if now is not None and now.pid:
                await_listening(now.pid, stack, progress)
    finally:
        configuration.unlink(missing_ok=True)


def await_listening(pid: int, stack: Stack, progress: Progress) -> None:
    """Wait until the process ``pid`` itself listens on the proxy's port. Raises AnywhereError."""

    def question() -> None:
        if not listens(pid, stack.settings.port):
            raise NotYet("it does not listen yet")

    wait_until(question, what="the proxy", seconds=LISTENS_SECONDS, progress=progress, log=stack.log("proxy"))
