"""What one watches to its end: a card that moves, one that is made after the end, a log, an artifact."""

import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown, ProgressBar


class Watched(FlowSpec):
    seconds = Parameter("seconds", default=12)
    watched = Parameter("watched", default="", help="a file: after its first epoch the task waits until it is there")

    @card(type="blank", id="live", refresh_interval=1)
    @card(type="default", id="late")
    @step
    def start(self):
        bar = ProgressBar(max=self.seconds, label="epochs")
        live = current.card["live"]
        live.append(Markdown("# Learning"))
        live.append(bar)
        for epoch in range(self.seconds):
            bar.update(epoch + 1)
            live.refresh()
            print("epoch", epoch + 1, flush=True)
            time.sleep(1)
            while self.watched and not Path(self.watched).exists():
                time.sleep(0.1)
        self.result = 42
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Watched()
