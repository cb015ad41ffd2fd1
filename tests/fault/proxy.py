"""A TCP proxy that misbehaves as networks do: cuts connections, holds bytes back, goes silent."""

import contextlib
import socket
import threading
import time

_PIECE = 64 << 10  # Bytes.


class _Link:
    """One connection through the proxy: two directions, each a thread."""

    def __init__(self, proxy, near, far):
        self._proxy, self._near, self._far = proxy, near, far
        self._is_silent = threading.Event()
        self.bytes = 0
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                time.sleep(self._proxy.delay)
                self.bytes += len(data)
                if self._proxy.cut_after is not None and self.bytes > self._proxy.cut_after:
                    self._proxy.count_cut()
                    break
                if self._is_silent.is_set():
                    continue  # Swallowed, and nobody is told.
                sink.sendall(data)
        if not self._is_silent.is_set():
            self.cut()

    def cut(self):
        """By a reset, as of a router that forgot the connection."""
        for end in (self._near, self._far):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)
                end.close()

    def go_silent(self):
        self._is_silent.set()


class Proxy:
    """Listens on `address` and passes everything on to `target` (HOST:PORT) until closed."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target, self._links, self._lock = (host, int(port)), [], threading.Lock()
        self.delay = 0.0  # Seconds that each piece waits.
        self.cut_after = None  # Bytes of both directions after which a connection is cut.
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # Closed.
                return
            try:
                far = socket.create_connection(self._target, timeout=5)
                far.settimeout(None)
            except OSError:  # The server is away.
                near.close()
                continue
            with self._lock:
                self._links.append(_Link(self, near, far))

    def count_cut(self):
        with self._lock:
            self.cuts += 1

    def _forget(self):
        with self._lock:
            links, self._links = self._links, []
            return links

    def bytes(self):
        with self._lock:
            return sum(link.bytes for link in self._links)

    def cut(self):
        """All that are open now; new ones are let through."""
        for link in self._forget():
            self.count_cut()
            link.cut()

    def go_silent(self):
        """What is open now stays open, and nothing passes any more in either direction; new ones are let through."""
        for link in self._forget():
            link.go_silent()

    def close(self):
        self._listener.close()
        self.cut()
