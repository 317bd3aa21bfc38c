"""Many tasks side by side, and one that gathers what they found: python examples/many_at_once.py run

The timeline of the run shows a bar for each; the graph shows them as one box.
"""

import time

from metaflow import FlowSpec, Parameter, step


class ManyAtOnceFlow(FlowSpec):
    """Counts the primes below several bounds at the same time."""

    bounds = Parameter("bounds", default="1000,5000,10000,20000,40000,80000", help="numbers with commas between them")

    @step
    def start(self):
        """One task for each bound."""
        self.bound = [int(text) for text in self.bounds.split(",")]
        self.next(self.count, foreach="bound")

    @step
    def count(self):
        """Count the primes below one bound."""
        began = time.time()
        sieve = bytearray([1]) * self.input
        sieve[:2] = b"\0\0"
        for number in range(2, int(self.input**0.5) + 1):
            if sieve[number]:
                sieve[number * number :: number] = bytes(len(range(number * number, self.input, number)))
        self.below, self.primes = self.input, sum(sieve)
        print(f"{self.primes} primes below {self.below}, in {time.time() - began:.3f} s")
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """What each found."""
        self.found = {one.below: one.primes for one in inputs}
        self.next(self.end)

    @step
    def end(self):
        """Say it."""
        print(self.found)


if __name__ == "__main__":
    ManyAtOnceFlow()
