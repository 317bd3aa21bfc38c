"""A way to a server that can be cut and mended, as networks are."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024
TICK_SECONDS = 0.05


@dataclass
class Way:
    """Connections to ``port`` of this machine go to ``target``, as long as the way is not cut."""

    target: int
    port: int
    pairs: dict[socket.socket, socket.socket] = field(default_factory=dict)
    whole: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def cut(self) -> None:
        """From now on nothing passes, and who comes is turned away."""
        self.whole.clear()

    def mend(self) -> None:
        """From now on connections can be made again."""
        self.whole.set()

    def serve(self, listening: socket.socket) -> None:
        """Pass on what comes, until it is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while not self.over.is_set():
                if not self.whole.is_set():
                    for one in list(self.pairs):
                        self._close(one, selector)
                for key, _ in selector.select(TICK_SECONDS):
                    if key.fileobj is listening:
                        self._accept(listening, selector)
                    elif key.fileobj in self.pairs:
                        self._pass_on(key.fileobj, selector)
            for one in list(self.pairs):
                self._close(one, selector)

    def _accept(self, listening: socket.socket, selector: selectors.BaseSelector) -> None:
        near, _ = listening.accept()
        if not self.whole.is_set():
            near.close()
            return
        far = socket.create_connection(("127.0.0.1", self.target))
        for one, other in ((near, far), (far, near)):
            self.pairs[one] = other
            selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(OSError):
            data = one.recv(CHUNK_BYTES)
            if data:
                self.pairs[one].sendall(data)
                return
        self._close(one, selector)

    def _close(self, one: socket.socket, selector: selectors.BaseSelector) -> None:
        other = self.pairs.pop(one, None)
        with contextlib.suppress(KeyError, ValueError):
            selector.unregister(one)
        one.close()
        if other is not None:
            self._close(other, selector)


@contextlib.contextmanager
def way_to(target: int) -> Iterator[Way]:
    """A way to ``target``, a port of this machine, that is whole at first."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way = Way(target, listening.getsockname()[1])
        way.mend()
        thread = threading.Thread(target=way.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield way
        finally:
            way.over.set()
            thread.join(10)
