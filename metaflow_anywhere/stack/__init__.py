"""Which programs make up the stack, how each is known to be ready, and who keeps them running."""

from metaflow_anywhere.stack.stack import Stack

__all__ = ["Stack"]
