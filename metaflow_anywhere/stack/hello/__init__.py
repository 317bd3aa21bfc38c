"""The bundled flow: run against a stack with the real client, then read back."""

from metaflow_anywhere.stack.hello.trial import say_hello

__all__ = ["say_hello"]
