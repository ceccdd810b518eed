"""The emulator as a process: `PYTHONPATH=tests python -m apiserver --listen 127.0.0.1:0`.

Its URL is the first line that it prints.  It serves until it is ended.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trio
import yaml

from apiserver.credentials import kubeconfig, make_certificates
from apiserver.errors import ApiError
from apiserver.http import HttpServer
from apiserver.server import ApiServer

Json = dict[str, Any]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="apiserver", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--tls-dir", type=Path, help="serve HTTPS; write certificates there")
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="[USER=]TOKEN",
        help="let in whoever has this bearer token; may be given more than once",
    )
    parser.add_argument("--kubeconfig", type=Path, help="write a kubeconfig there")
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        type=Path,
        help="a file of objects in YAML, or of lines of JSON when it ends in .jsonl",
    )
    parser.add_argument("--service-cidr", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--window", type=int, default=20_000, help="changes remembered of a kind")
    return parser.parse_args()


def _objects(path: Path) -> Iterator[Json]:
    for document in _documents(path):
        items = document.get("items", ()) if document.get("kind") == "List" else (document,)
        for item in items:
            if not item.keys() >= {"apiVersion", "kind", "metadata"}:
                raise ValueError(f"not an object of Kubernetes: {str(item)[:60]}")
            yield item


def _documents(path: Path) -> Iterator[Json]:
    with path.open() as opened:
        lines = path.suffix == ".jsonl"
        for document in map(json.loads, opened) if lines else yaml.safe_load_all(opened):
            if document and not isinstance(document, dict):
                raise ValueError(f"not an object of Kubernetes: {str(document)[:60]}")
            if document:
                yield document


def _load(server: ApiServer, path: Path) -> None:
    """Create what a file has; one sentence, and the end, where that cannot be."""
    try:
        server.create_all(_objects(path))
    except KeyError as error:  # a kind that is not served
        sys.exit(f"apiserver: {path}: {error.args[0]}")
    except (ApiError, OSError, ValueError, yaml.YAMLError) as error:
        sys.exit(f"apiserver: {path}: {error}")


async def _serve(arguments: argparse.Namespace) -> None:
    server = ApiServer(
        arguments.seed,
        now=time.time,
        service_cidrs=arguments.service_cidr or ["10.96.0.0/12"],
        window=arguments.window,
    )
    for path in arguments.load:
        _load(server, path)
    gc.freeze()  # looking through all of them again would hold everybody up
    tokens = {}
    for given in arguments.token:
        user, separator, token = given.partition("=")
        tokens[token if separator else given] = user if separator else "system:admin"
    host, _, port = arguments.listen.rpartition(":")
    folder = arguments.tls_dir
    context = make_certificates(folder, host) if folder else None
    http = HttpServer(server, tokens, secure=context is not None)
    listeners = await trio.open_tcp_listeners(int(port), host=host)
    bound = listeners[0].socket.getsockname()[1]
    url = f"{'https' if context else 'http'}://{host}:{bound}"
    server.machinery.address = f"{host}:{bound}"
    said = kubeconfig(url, folder, next(iter(tokens), None))
    for path in (arguments.kubeconfig, folder and folder / "kubeconfig"):
        if path:
            path.write_text(said)
    print(url, flush=True)  # noqa: T201 - for whoever started it
    if context is None:
        await trio.serve_listeners(http.serve, listeners)
    else:
        over = [trio.SSLListener(one, context, https_compatible=True) for one in listeners]
        await trio.serve_listeners(http.serve, over)


if __name__ == "__main__":
    trio.run(_serve, _arguments())
