"""Prints a line, says that it is there by making a file, and sleeps until it is killed."""

import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


class Sleeper(FlowSpec):
    """Never ends by itself."""

    awake = Parameter("awake", required=True)

    @step
    def start(self):
        print("going to sleep", flush=True)
        Path(self.awake).touch()
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Sleeper()
