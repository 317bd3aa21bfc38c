"""What the client side of a stack needs: its settings, a way to run with them, and a trial run."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from metaflow_anywhere.environment import shell_umask
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.hints import command

from .common import verb
from .database import split_remainder

if TYPE_CHECKING:
    from metaflow_anywhere.stack import Stack


@verb(help={"json": "as a JSON object", "notebook": "as lines for a notebook cell (%env ...)"})
def env(stack: Stack, json: bool = False, notebook: bool = False) -> None:
    """The client's settings, for a shell to eval."""
    from metaflow_anywhere.stack import client

    require_up(stack)  # the address of what is not there would send flows to whatever else answers on it
    form = client.as_json if json else client.as_notebook if notebook else client.as_exports
    print(form(client.client_environment(stack.settings, os.environ)))


@verb()
def run(stack: Stack, remainder: str) -> None:
    """Run a command with them: run -- python flow.py run."""
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


@verb(help={
    "name": "the profile's name, for METAFLOW_PROFILE",
    "default": "the profile that counts where none is named (config.json)",
    "replace": "also over a profile of another root's stack",
})  # fmt: skip
def configure(stack: Stack, name: str = "anywhere", default: bool = False, replace: bool = False) -> None:
    """Write a Metaflow profile, for IDEs, cron, notebooks."""
    from metaflow_anywhere.stack import profile

    name = "" if default else name
    done = profile.write(stack.settings, name, os.environ, replace=replace)
    print(f"{done.path} points Metaflow at the stack of {stack.settings.root}; up keeps it so")
    if name:
        print(f"clients use it where this is set: METAFLOW_PROFILE={shlex.quote(name)}")
    else:
        print("clients use it wherever METAFLOW_PROFILE is not set")


@verb()
def open(stack: Stack) -> None:
    """Open the web UI in a browser."""
    from metaflow_anywhere.stack.browser import open_page

    require_up(stack)
    url = f"{stack.settings.ui_ext_url}/"
    print(url if open_page(url, os.environ) else f"no browser can be opened here; the page is at {url}")


@verb(help={"yes": "remove what can be had again"})
def uninstall(stack: Stack, yes: bool = False) -> None:
    """List what this stack left here; --yes removes it."""
    from metaflow_anywhere.stack.removal import own_environment, parts, remove

    if yes:
        for path in remove(stack, os.environ):
            print(f"removed {path}")
    found = list(parts(stack, os.environ))
    again = [one for one in found if not one.worth]
    for one in again:
        print(f"{one.path}\n    {one.what}")
    if again:
        print(f"to remove these: {command('uninstall', yes=True)}")
    if not own_environment():
        print(f"this program, from a Python that others use too: {sys.executable} -m pip uninstall metaflow-anywhere")
    kept = [one for one in found if one.worth]
    if kept:
        print("\nonly you can say whether these may go (all at once, and for good):")
    for one in kept:
        print(f"{one.path}\n    {one.what}; to remove it: rm -r {shlex.quote(str(one.path))}")


def require_up(stack: Stack) -> None:
    """Raise AnywhereError unless the proxy answers for this stack."""
    from metaflow_anywhere.stack.questions import QUESTIONS, NoAnswer, ask

    try:
        ask(QUESTIONS["proxy"], stack)
    except NoAnswer as no:
        raise AnywhereError("the stack is not up", why=str(no), run=command("up")) from None
