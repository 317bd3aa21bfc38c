"""A foreach of 50 with a join."""

from metaflow import FlowSpec, Parameter, step


class Fan(FlowSpec):
    """Squares numbers side by side and adds them up."""

    width = Parameter("width", default=50)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"total {self.total}")


if __name__ == "__main__":
    Fan()
