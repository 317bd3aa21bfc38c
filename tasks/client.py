"""What the client side of a stack needs: its settings, a way to run with them, and a trial run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow_anywhere.environment import shell_umask
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command
from tasks.common import verb
from tasks.database import split_remainder

if TYPE_CHECKING:
    from metaflow_anywhere.stack import Stack


@verb(help={"json": "as a JSON object", "notebook": "as lines for a notebook cell (%env ...)"})
def env(stack: Stack, json: bool = False, notebook: bool = False) -> None:
    """The client's settings, for use as: eval "$(invoke env)"."""
    from metaflow_anywhere.stack import client

    form = client.as_json if json else client.as_notebook if notebook else client.as_exports
    print(form(client.client_environment(stack.settings, os.environ)))


@verb()
def run(stack: Stack, remainder: str) -> None:
    """Run a command with them: invoke run -- python flow.py run."""
    from metaflow_anywhere.stack import client

    words = split_remainder(remainder)
    if not words:
        raise AnywhereError("nothing to run", run=command("run", after="python my_flow.py run"))
    require_up(stack)
    os.umask(shell_umask())
    try:
        os.execvpe(words[0], words, client.run_environment(stack.settings))  # noqa: S606  # no shell is wanted
    except OSError as error:
        raise AnywhereError(f"cannot run {words[0]}", why=str(error.strerror)) from None


@verb()
def hello(stack: Stack) -> None:
    """Run a small flow against this stack, and read it back."""
    from rich.console import Console

    from metaflow_anywhere.stack import client
    from metaflow_anywhere.stack.hello import say_hello

    require_up(stack)
    console = Console(highlight=False)
    log = stack.log("hello")
    environment = client.run_environment(stack.settings)
    say_hello(environment, log, lambda text: console.print(text, markup=False, soft_wrap=True))
    console.print("hello works: a flow ran against this stack, and everything it wrote was read back", soft_wrap=True)


def require_up(stack: Stack) -> None:
    """Raise AnywhereError unless the proxy answers for this stack."""
    from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask

    try:
        ask(QUESTIONS["proxy"], stack)
    except NoAnswer as no:
        raise AnywhereError("the stack is not up", why=str(no), run=command("up")) from None
