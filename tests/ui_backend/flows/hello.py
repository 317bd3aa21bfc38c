"""Two cards, a parameter of each kind, an output of each stream, in a named project."""

import sys

from metaflow import FlowSpec, IncludeFile, Parameter, card, current, project, step
from metaflow.cards import Markdown


@project(name="greetings")
class Hello(FlowSpec):
    """Says a word."""

    word = Parameter("word", default="hello")
    number = Parameter("number", default=3)
    text = IncludeFile("text", default=__file__)

    @card(id="first")
    @card(id="second", type="blank")
    @step
    def start(self):
        print(f"said {self.word}")
        print("whispered", file=sys.stderr)
        self.small = {"a": [1, 2, 3]}
        self.big = bytes(range(256)) * 4000
        self.own = Own()
        current.card["first"].append(Markdown("# the first card"))
        current.card["second"].append(Markdown("# the second card"))
        self.next(self.end)

    @step
    def end(self):
        print("bye")


class Own:
    """A type that only this flow knows."""


if __name__ == "__main__":
    Hello()
