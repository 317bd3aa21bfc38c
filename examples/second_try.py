"""A step that fails at first and is tried again: python examples/second_try.py run

The task has two attempts, each with its own log; with --give-up the second fails too, and the run with it.
"""

from metaflow import FlowSpec, Parameter, current, retry, step


class SecondTryFlow(FlowSpec):
    """Asks something that does not answer the first time."""

    give_up = Parameter("give-up", default=False, type=bool, is_flag=True, help="fail the second time too")

    @step
    def start(self):
        """Nothing yet."""
        self.next(self.ask)

    @retry(times=1, minutes_between_retries=0)
    @step
    def ask(self):
        """Fail in the first attempt."""
        print(f"attempt {current.retry_count}")
        if current.retry_count == 0 or self.give_up:
            raise ConnectionError("nobody answered")
        self.answer = 42
        self.next(self.end)

    @step
    def end(self):
        """Say what was answered."""
        print(f"the answer is {self.answer}")


if __name__ == "__main__":
    SecondTryFlow()
