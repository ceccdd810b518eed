"""What a test may do to a server in another process: paths below `/emulator/`.

* `compact`: forget history;
* `restart`: forget history and break all connections;
* `outage?seconds=N`: refuse connections for a while;
* `requests`: how often was asked, as a list of [User-Agent, verb, resource, count];
  `requests?reset=true` begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from apiserver.http import HttpServer


class Control:
    """Does what is asked for below `/emulator/`."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._down_until = -float("inf")

    def is_down(self) -> bool:
        """Whether connections are to be refused."""
        return trio.current_time() < self._down_until

    def do(self, command: str, parameters: Mapping[str, str], own: trio.CancelScope) -> Any:
        """Do it, and what is to be said of it; `own` is the connection that it came by."""
        match command:
            case "compact":
                self._server.server.compact()
            case "restart":
                self._server.server.compact()
                self._break_all(own)
            case "outage":
                self._down_until = trio.current_time() + float(parameters.get("seconds", "5"))
                self._break_all(own)
            case "requests":
                return self._requests(parameters.get("reset") == "true")
            case _:
                return {
                    "error": f"no command {command!r}; there are compact, restart, outage, requests"
                }
        return {"done": command}

    def _break_all(self, own: trio.CancelScope) -> None:
        for scope in self._server.connections - {own}:
            scope.cancel()

    def _requests(self, reset: bool) -> list[list[Any]]:
        counted = [[*key, count] for key, count in sorted(self._server.requests.items())]
        if reset:
            self._server.requests.clear()
        return counted
