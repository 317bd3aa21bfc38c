"""Succeeds on a second attempt, catches a lasting failure, and breaks until the file MENDED exists."""

from pathlib import Path

from metaflow import FlowSpec, Parameter, catch, current, retry, step


class Stumble(FlowSpec):
    """Falls in three ways, and gets up again."""

    mended = Parameter("mended", default="MENDED")

    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        if current.retry_count == 0:
            raise RuntimeError("the first attempt always fails")
        self.attempt = current.retry_count
        self.next(self.hopeless)

    @catch(var="failure")
    @retry(times=0)
    @step
    def hopeless(self):
        self.survived = False
        if not self.survived:
            raise RuntimeError("this step never works")
        self.next(self.bridge)

    @step
    def bridge(self):
        if not Path(self.mended).exists():
            raise RuntimeError("the bridge is broken")
        self.crossed = True
        self.next(self.end)

    @step
    def end(self):
        print("across")


if __name__ == "__main__":
    Stumble()
