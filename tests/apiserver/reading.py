"""Get, list and watch."""

from __future__ import annotations

import base64
import bisect
import random
from collections.abc import Iterable
from itertools import count
from typing import Any

import msgspec

from apiserver.errors import (
    ApiError,
    bad_request,
    expired,
    forbidden_field,
    invalid_object,
    not_found,
    too_large_version,
)
from apiserver.requests import Answer, Request, Target
from apiserver.selectors import field_selector, label_selector
from apiserver.store import Entry, Store, Table, head
from apiserver.watching import Selection, Watch

Json = dict[str, Any]

_TOKEN = "meta.k8s.io/v1"
_INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


class Reading:
    """Answers what only reads."""

    def __init__(self, store: Store, dice: random.Random, watch_seconds: float) -> None:
        self._store = store
        self._dice = dice
        self._watch_seconds = watch_seconds
        self._numbers = count()

    def get(self, target: Target) -> Answer:
        """One object."""
        kind = target.served.kind
        entry = self._store.table(kind).entries.get(target.key(target.name))
        if entry is None:
            raise not_found(target.served.group, kind.plural, target.name)
        return Answer(200, entry.full(target.served))

    def select(self, request: Request, target: Target) -> Selection:
        """The objects that a request means."""
        labels = label_selector(request.get("labelSelector"))
        fields = field_selector(request.get("fieldSelector"), target.served.kind.fields)
        predicates = tuple(one for one in (labels, fields) if one is not None)
        if target.name:
            by_name = field_selector(f"metadata.name={target.name}", {"metadata.name": ""})
            predicates = (*predicates, *(one for one in (by_name,) if one is not None))
        return Selection(target.served, target.namespace, predicates)

    # Lists

    def list(self, request: Request, target: Target) -> Answer:
        """A list, or a page of one."""
        _check_list(request)
        selection = self.select(request, target)
        table = self._store.table(target.served.kind)
        limit = request.number("limit")
        token = request.get("continue")
        version = request.get("resourceVersion")
        start = ""
        if token:
            revision, start = self._continued(table, token)
            if revision < 0:
                revision = self._store.revision
        else:
            revision = self._list_revision(request, table, version)
            if version == "0":
                limit = 0  # The cache answers, with everything.
        prefix = f"{target.namespace}/" if target.namespace else ""
        keys, entries = table.snapshot(revision)
        page, remaining, more = _page(keys, entries, selection, prefix, start, limit)
        metadata: Json = {"resourceVersion": str(revision)}
        if target.served.kind.custom:
            metadata["continue"] = ""
        if more:
            metadata["continue"] = _token(revision, f"/{page[-1].key.removeprefix(prefix)}\0")
            if not selection.predicates:
                metadata["remainingItemCount"] = remaining
        return Answer(200, _encoded(target, metadata, page))

    def _list_revision(self, request: Request, table: Table, version: str) -> int:
        current = self._store.revision
        if version in ("", "0"):
            return max(current - request.stale, table.floor, 1) if version else current
        asked = request.number("resourceVersion")
        if asked > current:
            raise too_large_version(asked, current)
        if request.get("resourceVersionMatch") == "Exact":
            if asked < table.floor:
                raise expired(f"The resourceVersion for the provided list is too old: {asked}")
            return asked
        return current

    def _continued(self, table: Table, token: str) -> tuple[int, str]:
        try:
            decoded = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            revision, start = int(decoded["rv"]), str(decoded["start"]).lstrip("/")
        except (ValueError, KeyError, TypeError):
            raise bad_request("continue key is not valid") from None
        if 0 <= revision < table.floor:
            raise expired(_INCONSISTENT, _token(-1, start))
        return revision, start

    # Watches

    def watch(self, request: Request, target: Target) -> Watch:
        """A watch, which has everything in it that it has to begin with."""
        initial = _check_watch(request)
        selection = self.select(request, target)
        table = self._store.table(target.served.kind)
        version = request.number("resourceVersion")
        seconds = float(request.number("timeoutSeconds"))
        if not seconds:
            seconds = self._watch_seconds * (1 + self._dice.random())
        bookmarks = request.flag("allowWatchBookmarks")
        if initial or not version:
            watch = self._from_the_start(request, table, selection, bookmarks, seconds)
        else:
            watch = Watch(selection, version, bookmarks, seconds)
            if version < table.floor:
                watch.fail(expired(f"too old resource version: {version} ({table.floor})"))
                return watch
            for event in table.since(version):
                watch.offer(event)
        if initial and bookmarks:
            watch.mark_initial()
        self._follow(table, watch)
        return watch

    def _from_the_start(
        self,
        request: Request,
        table: Table,
        selection: Selection,
        bookmarks: bool,
        seconds: float,
    ) -> Watch:
        stale = request.stale if request.get("resourceVersion") == "0" else 0
        revision = max(self._store.revision - stale, table.floor)
        watch = Watch(selection, revision, bookmarks, seconds)
        keys, entries = table.snapshot(revision)
        watch.begin(entries[key] for key in keys if selection.has(entries[key]))
        for event in table.since(revision):
            watch.offer(event)
        return watch

    def _follow(self, table: Table, watch: Watch) -> None:
        number = next(self._numbers)
        table.listeners[number] = watch.offer

        def close() -> None:
            table.listeners.pop(number, None)

        watch.close = close


def _check_list(request: Request) -> None:
    if request.get("sendInitialEvents"):
        raise _bad_option("sendInitialEvents", "sendInitialEvents is forbidden for list")
    match = request.get("resourceVersionMatch")
    if not match:
        return
    if match not in ("Exact", "NotOlderThan"):
        raise _bad_option("resourceVersionMatch", f'"{match}" is not supported')
    if not request.get("resourceVersion"):
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise _bad_option("resourceVersionMatch", why)
    if match == "Exact" and request.get("resourceVersion") == "0":
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        raise _bad_option("resourceVersionMatch", why)


def _check_watch(request: Request) -> bool:
    initial = request.flag("sendInitialEvents")
    match = request.get("resourceVersionMatch")
    if request.get("sendInitialEvents") and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise _bad_option("resourceVersionMatch", why)
    if match and not request.get("sendInitialEvents"):
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise _bad_option("resourceVersionMatch", why)
    return initial


def _bad_option(name: str, why: str) -> ApiError:
    return invalid_object("meta.k8s.io", "ListOptions", "", [forbidden_field(name, why)])


def _token(revision: int, start: str) -> str:
    text = msgspec.json.encode({"v": _TOKEN, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _page(
    keys: list[str],
    entries: dict[str, Entry],
    selection: Selection,
    prefix: str,
    start: str,
    limit: int,
) -> tuple[list[Entry], int, bool]:
    """The entries from a key on, how many keys are left after them, and whether one is meant."""
    low = bisect.bisect_left(keys, prefix + start)
    high = bisect.bisect_left(keys, prefix[:-1] + "0") if prefix else len(keys)
    has, found = selection.has, list[Entry]()
    for index in range(low, high):
        entry = entries[keys[index]]
        if not has(entry):
            continue
        if limit and len(found) == limit:
            return found, high - index, True
        found.append(entry)
    return found, 0, False


def _encoded(target: Target, metadata: Json, page: Iterable[Entry]) -> bytes:
    served = target.served
    begin = head(served).replace(b'","apiVersion', b'List","apiVersion', 1)
    items = b",".join([entry.item(served) for entry in page])
    return b'%s"metadata":%s,"items":[%s]}' % (begin, msgspec.json.encode(metadata), items)
