"""A card that moves while its task runs: python examples/moving_card.py run

The page of the task shows it filling up; what is on it at the end is kept.
"""

import random
import time

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown, ProgressBar, Table


class MovingCardFlow(FlowSpec):
    """Pretends to train a model for a while."""

    epochs = Parameter("epochs", default=20, help="how long it goes on, in seconds")

    @card(type="blank", refresh_interval=1)
    @step
    def start(self):
        """Train, and say on the card how far it is."""
        bar = ProgressBar(max=self.epochs, label="epochs")
        loss = Markdown("*not begun*")
        current.card.append(Markdown("# Training"))
        current.card.append(bar)
        current.card.append(loss)
        self.losses = []
        for epoch in range(1, self.epochs + 1):
            time.sleep(1)
            self.losses.append(round(1 / epoch + random.uniform(0, 0.05), 3))
            bar.update(epoch)
            loss.update(f"loss **{self.losses[-1]}**")
            current.card.refresh()
        current.card.append(
            Table([[number, one] for number, one in enumerate(self.losses, 1)], headers=["epoch", "loss"])
        )
        self.next(self.end)

    @step
    def end(self):
        """Say how it went."""
        print(f"the loss went from {self.losses[0]} to {self.losses[-1]}")


if __name__ == "__main__":
    MovingCardFlow()
