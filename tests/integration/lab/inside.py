"""Sockets in a namespace for a process that stays outside, so that it can ask without a helper.

A thread enters the namespace, makes the socket and ends; the socket remains
where it was made.
"""

import ctypes
import os
import socket
import threading
from http.client import HTTPConnection
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def inside(namespace, make):
    """What `make` returns when it is called in a namespace; raises what it raises."""
    found, failed = [], []

    def work():
        try:
            _enter(namespace)
            found.append(make())
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work, name=f"inside {namespace.name}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _enter(namespace):
    handle = os.open(Path("/run/netns", namespace.name), os.O_RDONLY)
    try:
        if _libc.setns(handle, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"no way into the namespace {namespace.name}")
    finally:
        os.close(handle)


class Connection(HTTPConnection):
    """HTTP from within a namespace, over TLS where there is a context; it reconnects by itself."""

    def __init__(self, namespace, host, port, context=None, timeout=10.0):
        super().__init__(host, port, timeout=timeout)
        self._namespace = namespace
        self._context = context

    def connect(self):
        address = (self.host, self.port)
        connect = socket.create_connection
        plain = inside(self._namespace, lambda: connect(address, timeout=self.timeout))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            self.sock = plain
        else:
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host)

    def get(self, path):
        """The status and the text of an answer."""
        try:
            self.request("GET", path)
            answer = self.getresponse()
            return answer.status, answer.read().decode()
        finally:
            self.close()
