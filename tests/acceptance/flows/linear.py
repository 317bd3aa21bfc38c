"""Three steps in a row, with a card."""

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown


class Linear(FlowSpec):
    """Carries a word from start to end."""

    word = Parameter("word", default="hello")

    @step
    def start(self):
        print(f"the word is {self.word}")
        self.carried = self.word
        self.next(self.middle)

    @card
    @step
    def middle(self):
        self.length = len(self.carried)
        current.card.append(Markdown(f"# {self.carried} has {self.length} letters"))
        self.next(self.end)

    @step
    def end(self):
        print(f"the end of {self.carried}")


if __name__ == "__main__":
    Linear()
