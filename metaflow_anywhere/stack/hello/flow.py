"""A small flow with an artifact, a foreach and a card; ``invoke hello`` runs it and reads everything back."""

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown


class HelloAnywhere(FlowSpec):
    """Squares a few numbers and adds them up."""

    count = Parameter("count", default=3, help="how many numbers")

    @step
    def start(self):
        """Make the numbers."""
        self.numbers = list(range(1, self.count + 1))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        """Square one."""
        self.result = self.input**2
        print(f"{self.input} squared is {self.result}")
        self.next(self.join)

    @step
    def join(self, inputs):
        """Add them up."""
        self.total = sum(one.result for one in inputs)
        self.next(self.end)

    @card
    @step
    def end(self):
        """Show the sum on a card."""
        current.card.append(Markdown(f"# The squares add up to {self.total}"))
        print(f"the squares add up to {self.total}")


if __name__ == "__main__":
    HelloAnywhere()
