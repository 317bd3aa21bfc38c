"""What must be on the machine before anything of the stack is."""

from __future__ import annotations

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.graph import Progress, Verdict, needed, not_needed
from metaflow_anywhere.hints import command
from metaflow_anywhere.stack.stages.base import StackStage


class ContainerStage(StackStage):
    """A stage that only the ``udocker`` runtime needs."""

    def check(self) -> Verdict:
        """Programs from wheels need no containers."""
        if self.stack.settings.runtime == "embedded":
            return not_needed("runtime is embedded")
        return needed(f"runtime is {self.stack.settings.runtime}")

    def work(self, progress: Progress) -> str:
        """Containers are not built yet: say so before anything else is done."""
        raise AnywhereError(
            "the udocker runtime is not part of this version",
            why=f"runtime comes from {self.stack.settings.origins['runtime']}",
            run=command("up", runtime="embedded"),
        )


class FetchUdocker(ContainerStage):
    """udocker and its engine."""


class PullImages(ContainerStage):
    """The images and containers of the stack."""
