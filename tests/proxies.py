"""A proxy on loopback that records where a client wants to go, and goes nowhere."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Handler(socketserver.StreamRequestHandler):
    server: "RefusingProxy"

    def handle(self) -> None:
        self.server.asked = self.rfile.readline().decode().strip()
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


class RefusingProxy(socketserver.TCPServer):
    """
    The proxy.

    Attributes:
        asked: The first line of the last request.
    """

    asked = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def refusing_proxy() -> Iterator[RefusingProxy]:
    with RefusingProxy(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
