"""The services on top of the database, and the ways in: the proxy and the tunnel."""

from __future__ import annotations

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress
from metaflow_anywhere.hints import command
from metaflow_anywhere.modes import PRIVATE_FOLDER, make_folder, write_private
from metaflow_anywhere.stack.ports import is_free, listens, require_free, require_loopback
from metaflow_anywhere.stack.questions import is_own_proxy
from metaflow_anywhere.stack.stack import PAGES
from metaflow_anywhere.stack.stages.base import LaterStage, ProgramStage
from metaflow_anywhere.stack.stages.early import ImportingStage
from metaflow_anywhere.stack.supervision import Program


class StartService(ImportingStage):
    """The metadata service; it answers 503 until the database is there."""

    program_name = "service"

    def program(self) -> Program:
        """The metadata service."""
        return self.stack.service_program()


class StartUi(ImportingStage):
    """The UI backend; it answers 503 until the database is there."""

    program_name = "ui"

    def program(self) -> Program:
        """The UI backend."""
        return self.stack.ui_program()

    def prepare(self, progress: Progress) -> None:
        """Make sure that there is a page in the folder of another web UI."""
        folder = self.stack.settings.ui_folder
        if folder is not None and not (folder / "index.html").is_file():
            raise AnywhereError(
                f"there is no web UI in {folder}",
                why=f"it has no index.html; ui_folder comes from {self.stack.settings.origins['ui_folder']}",
                run=command("settings"),
            )


class StartProxy(ProgramStage):
    """The one port."""

    program_name = "proxy"

    def program(self) -> Program:
        """Caddy."""
        return self.stack.proxy_program()

    def foresee(self) -> None:
        """The port must be free, unless this stack's own proxy has it, or one that is left of it and will be ended."""
        settings = self.stack.settings
        require_loopback()
        if is_free(settings.port) or is_own_proxy(self.stack):
            return
        info = self.stack.supervisor.info(self.program_name)
        if info is None and self.stack.supervisor.lost():
            return
        if info is None or not info.running or not listens(info.pid, settings.port):
            require_free(settings.port, "proxy, setting port", settings.origins["port"])

    def work(self, progress: Progress) -> str:
        """As of every program; who asks meanwhile is answered by a proxy in between."""
        from metaflow_anywhere.stack.stages.handover import one_in_between

        with one_in_between(self.stack, progress):
            return super().work(progress)

    def prepare(self, progress: Progress) -> None:
        """Write the configuration; make sure that the port is nobody else's."""
        self.foresee()
        page = self.stack.folder / PAGES.name
        make_folder(page, PRIVATE_FOLDER)
        for file in PAGES.iterdir():
            write_private(page / file.name, file.read_bytes())
        half = self.stack.caddyfile.with_suffix(".new")
        write_private(half, self.stack.proxy_configuration())
        half.replace(self.stack.caddyfile)


class Tunnel(LaterStage):
    """A public URL."""

    why = "not asked for"
