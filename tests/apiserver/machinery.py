"""The API machinery: from a request to its answer.  Pure but for the store that it keeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from apiserver import discovery
from apiserver.bodies import object_body
from apiserver.builtins import builtin_kinds
from apiserver.errors import ApiError, bad_request, forbidden, method_not_allowed, unauthorized
from apiserver.kinds import Served
from apiserver.metallb import metallb_kinds
from apiserver.reading import Reading
from apiserver.requests import Access, Answer, Request, Target, answer, refusal
from apiserver.services import service_kind
from apiserver.store import Store
from apiserver.watching import Watch
from apiserver.writing import Writing

Json = dict[str, Any]

NOTHING_HERE = Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
_WATCH_SECONDS = 1800.0
"""How long a watch lasts at least for which nobody says how long; at most twice that."""
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Authorize = Callable[[Access], bool]


def everything(access: Access) -> bool:
    """Lets anybody do anything."""
    return True


class Machinery:
    """Answers requests.

    `now` gives seconds since 1970; everything that is drawn at random comes
    from `dice`; `window` changes of each kind are remembered.
    """

    def __init__(
        self,
        now: Callable[[], float],
        dice: random.Random,
        service_cidrs: Sequence[str],
        window: int,
    ) -> None:
        self.store = Store(window)
        self.authorize: Authorize = everything
        self.users: Mapping[str, str] = {}
        """By token, for reviews of tokens."""
        self.address = "10.201.0.1:6443"
        self._now = now
        services = service_kind(service_cidrs, dice)
        self.served = [*builtin_kinds(services), *metallb_kinds()]
        self._by_path = {(one.group, one.version, one.kind.plural): one for one in self.served}
        self._group_versions = {
            *((one.group, one.version) for one in self.served),
            *((group, "v1") for group in discovery.REVIEWS),
        }
        namespaces = self.find("", "v1", "namespaces").kind
        self.reading = Reading(self.store, dice, _WATCH_SECONDS)
        self.writing = Writing(self.store, dice, self.timestamp, namespaces)

    def timestamp(self) -> str:
        """The time of day as meta/v1 writes it."""
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def find(self, group: str, version: str, plural: str) -> Served:
        """A kind as it is served; raises KeyError."""
        return self._by_path[group, version, plural]

    def find_kind(self, api_version: str, kind: str) -> Served:
        """A kind by what its objects say; raises KeyError."""
        for one in self.served:
            if (one.api_version, one.kind.name) == (api_version, kind):
                return one
        raise KeyError(f"no kind {kind} in {api_version}")

    def withdraw(self, plurals: Collection[str]) -> list[Served]:
        """Serve some resources no more; what was served, to be given to `serve`."""
        gone = [one for one in self.served if one.kind.plural in plurals]
        self.served = [one for one in self.served if one not in gone]
        for one in gone:
            del self._by_path[one.group, one.version, one.kind.plural]
        return gone

    def serve(self, kinds: Iterable[Served]) -> None:
        """Serve some resources more."""
        for one in kinds:
            self.served.append(one)
            self._by_path[one.group, one.version, one.kind.plural] = one

    def handle(self, request: Request) -> Answer | Watch:
        """The answer to a request, an error too."""
        path, _, query = request.path.partition("?")
        if query:
            pairs = parse_qsl(query, keep_blank_values=True)
            request = replace(request, path=path, query=[*request.query, *pairs])
        try:
            if request.user is None:
                raise unauthorized()
            return self._routed(request)
        except ApiError as error:
            return refusal(error)

    def classify(self, request: Request) -> tuple[str, str]:
        """What a request does, for counting: verb and resource, such as `services/status`."""
        match _steps(request):
            case ["api", version, *rest]:
                group = ""
            case ["apis", group, version, *rest]:
                pass
            case _:
                rest = []
        if not rest:
            return (request.method.lower(), request.path)
        try:
            target = self._target(group, version, rest)
            verb = _verb(request, target)
        except ApiError:
            return (request.method.lower(), request.path)
        plural = target.served.kind.plural
        return (verb, f"{plural}/{target.subresource}" if target.subresource else plural)

    def _routed(self, request: Request) -> Answer | Watch:
        match _steps(request):
            case ["version"]:
                return answer(discovery.VERSION)
            case ["healthz" | "livez" | "readyz"]:
                return Answer(200, b"ok", "text/plain; charset=utf-8")
            case ["api"]:
                return answer(discovery.api_versions(self.address))
            case ["apis"]:
                return answer(discovery.api_group_list(self.served))
            case ["api", "v1", *rest]:
                return self._group_version(request, "", "v1", rest)
            case ["apis", group] if group in discovery.groups(self.served):
                found = discovery.api_group(self.served, group)
                return answer({"kind": "APIGroup", "apiVersion": "v1", **found})
            case ["apis", group, version, *rest]:
                return self._group_version(request, group, version, rest)
            case _:
                return NOTHING_HERE

    def _group_version(
        self, request: Request, group: str, version: str, steps: list[str]
    ) -> Answer | Watch:
        if (group, version) not in self._group_versions:
            return NOTHING_HERE
        match steps:
            case []:
                return answer(discovery.resource_list(self.served, group, version))
            case ["tokenreviews"] if group == "authentication.k8s.io":
                return self._token_review(request)
            case ["subjectaccessreviews"] if group == "authorization.k8s.io":
                return self._access_review(request)
        return self._resource(request, self._target(group, version, steps))

    def _target(self, group: str, version: str, steps: list[str]) -> Target:
        namespace = ""
        if steps[0] == "namespaces" and len(steps) > 2 and steps[2] != "status":
            namespace, steps = steps[1], steps[2:]
        plural, name, subresource, *rest = [*steps, "", ""]
        served = self._by_path.get((group, version, plural))
        misplaced = served is not None and (
            bool(rest[: len(steps) - 3])
            or (bool(namespace) and not served.kind.namespaced)
            or (bool(name) and served.kind.namespaced and not namespace)
            or subresource not in ("", "status")
            or (subresource == "status" and not served.kind.status)
        )
        if served is None or misplaced:
            raise ApiError(404, "NotFound", "the server could not find the requested resource", {})
        return Target(served, namespace, name, subresource)

    def _resource(self, request: Request, target: Target) -> Answer | Watch:
        verb = _verb(request, target)
        served = target.served
        access = Access(
            request.user or "",
            verb,
            served.group,
            served.kind.plural,
            target.subresource,
            target.namespace,
            target.name or _only_name(request),
        )
        if not self.authorize(access):
            raise _refused(access)
        match verb:
            case "get":
                return self.reading.get(target)
            case "list":
                return self.reading.list(request, target)
            case "watch":
                return self.reading.watch(request, target)
            case "create":
                return self.writing.create(request, target)
            case "update":
                return self.writing.replace(request, target)
            case "patch":
                return self.writing.patch(request, target)
            case "delete":
                return self.writing.deleting.delete(request, target)
            case _:
                return self._delete_collection(request, target)

    def _delete_collection(self, request: Request, target: Target) -> Answer:
        selection = self.reading.select(request, target)
        entries = self.store.table(target.served.kind).entries
        listed = self.reading.list(request, target)
        for entry in [one for one in entries.values() if selection.has(one)]:
            one = Target(target.served, entry.namespace, entry.metadata["name"], "")
            self.writing.deleting.delete(request, one)
        return listed

    # Reviews

    def _token_review(self, request: Request) -> Answer:
        review = object_body(request)
        user = self.users.get(review.get("spec", {}).get("token", ""))
        status: Json = {"authenticated": True, "user": {"username": user}}
        return answer({**review, "status": status if user else {"user": {}}}, 201)

    def _access_review(self, request: Request) -> Answer:
        review = object_body(request)
        spec = review.get("spec", {})
        wanted = spec.get("resourceAttributes")
        if wanted is None and "nonResourceAttributes" not in spec:
            raise bad_request(
                "exactly one of nonResourceAttributes or resourceAttributes is needed"
            )
        wanted = wanted or {}
        access = Access(
            spec.get("user", ""),
            wanted.get("verb", spec.get("nonResourceAttributes", {}).get("verb", "")),
            wanted.get("group", ""),
            wanted.get("resource", spec.get("nonResourceAttributes", {}).get("path", "")),
            wanted.get("subresource", ""),
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
        return answer({**review, "status": {"allowed": self.authorize(access)}}, 201)


def _steps(request: Request) -> list[str]:
    return [unquote(step) for step in request.path.partition("?")[0].strip("/").split("/")]


def _verb(request: Request, target: Target) -> str:
    if request.method == "GET":
        if request.flag("watch"):
            return "watch"
        return "get" if target.name else "list"
    verb = _VERBS.get(request.method)
    if verb == "delete" and not target.name:
        verb = "deletecollection"
    needs_name = verb in ("update", "patch", "delete")
    misplaced = (verb == "create" and bool(target.name)) or (needs_name and not target.name)
    if verb == "create" and target.served.kind.namespaced and not target.namespace:
        misplaced = True
    if verb in ("delete", "create") and target.subresource:
        misplaced = True
    if verb is None or misplaced:
        raise method_not_allowed()
    return verb


def _only_name(request: Request) -> str:
    """The name that a field selector asks for, which rights by name allow as well."""
    key, _, name = request.get("fieldSelector").partition("=")
    return name.removeprefix("=") if key == "metadata.name" and "," not in name else ""


def _refused(access: Access) -> ApiError:
    resource = access.resource + (f"/{access.subresource}" if access.subresource else "")
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    why = (
        f'User "{access.user}" cannot {access.verb} resource "{resource}" '
        f'in API group "{access.group}" {where}'
    )
    return forbidden(access.group, access.resource, access.name, why)
