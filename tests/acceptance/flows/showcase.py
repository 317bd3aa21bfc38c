"""Everything that a page can show: parameters, branches, a foreach, a retry, a card, logs of both kinds, a failure."""

import sys
import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, card, current, retry, step
from metaflow.cards import Markdown, Table


class Showcase(FlowSpec):
    """Trains a few models side by side and keeps the best."""

    rate = Parameter("rate", default=0.01, help="how fast it learns")
    title = Parameter("title", default="a first try")
    broken = Parameter("broken", default=False, help="fail at the end")
    gate = Parameter("gate", default="", help="wait in the middle until this file exists")

    @step
    def start(self):
        print(f"\x1b[32mready\x1b[0m to learn at \x1b[1m{self.rate}\x1b[0m")
        print("a warning, nothing more", file=sys.stderr)
        self.next(self.prepare, self.describe)

    @step
    def prepare(self):
        self.seeds = [1, 2, 3, 4]
        self.next(self.train, foreach="seeds")

    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        if self.input == 2 and current.retry_count == 0:
            raise RuntimeError("the second seed fails at first")
        self.score = 1 - self.rate * self.input
        for epoch in range(40):
            print(f"seed {self.input} epoch {epoch:2} loss {1 / (epoch + 1):.3f}")
        self.next(self.choose)

    @card
    @step
    def choose(self, inputs):
        self.scores = [one.score for one in inputs]
        self.best = max(self.scores)
        current.card.append(Markdown(f"# The best score is {self.best:.2f}"))
        current.card.append(Table([[one.input, one.score] for one in inputs], headers=["seed", "score"]))
        self.next(self.gather)

    @step
    def describe(self):
        while self.gate and not Path(self.gate).exists():
            time.sleep(0.05)
        self.words = {"title": self.title, "long": "a long text " * 40}
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.best = inputs.choose.best
        self.words = inputs.describe.words
        self.next(self.end)

    @step
    def end(self):
        if self.broken:
            raise RuntimeError("asked to break")
        print(f"the best of {self.title} is {self.best:.2f}")


if __name__ == "__main__":
    Showcase()
