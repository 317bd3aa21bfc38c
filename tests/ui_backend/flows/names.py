"""A foreach over names as old folders have them: with a NUL, not UTF-8, half of a pair."""

import os

from metaflow import FlowSpec, step


class Names(FlowSpec):
    @step
    def start(self):
        self.files = ["plain", "a\0b", os.fsdecode(b"caf\xe9.csv"), "half \ud83d"]
        self.next(self.work, foreach="files")

    @step
    def work(self):
        self.length = len(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Names()
