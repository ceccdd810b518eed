"""The smallest web server: answers every request with the name it was given.

Run inside a node's namespace as `python web.py NAME PORT`.  It listens on that
port of every address, of both families, as the pods behind a service would.
"""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    """Says the server's name, then closes, so that each request is a new flow."""

    def do_GET(self) -> None:
        """Answer any path."""
        body = f"{sys.argv[1]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent: what counts is what the client sees."""


class DualStack(ThreadingHTTPServer):
    """Takes IPv4 connections on its IPv6 socket as well."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    DualStack(("::", int(sys.argv[2])), Answer).serve_forever()
