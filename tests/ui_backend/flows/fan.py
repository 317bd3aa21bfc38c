"""A foreach of 50 with a join."""

from metaflow import FlowSpec, Parameter, step


class Fan(FlowSpec):
    """Doubles words side by side."""

    width = Parameter("width", default=50)

    @step
    def start(self):
        self.words = [f"w{place}" for place in range(self.width)]
        self.next(self.work, foreach="words")

    @step
    def work(self):
        self.doubled = self.input * 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(len(one.doubled) for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Fan()
