"""Manifests to resources: which kinds there are, and who reads each.

Kinds of other groups are none of our business and are passed over in silence;
a kind or version of `metallb.io` that we do not know is a problem.  A resource
comes out only when nothing at all is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias

from proclaim.addresses import clip
from proclaim.findings import Finding
from proclaim.manifests.advertisements import read_bgp_advertisement, read_l2_advertisement
from proclaim.manifests.core_kinds import (
    read_endpoint_slice,
    read_namespace,
    read_node,
    read_service,
)
from proclaim.manifests.fields import Fields, Locate, Report, nowhere, render
from proclaim.manifests.metadata import Metadata, identify, read_metadata
from proclaim.manifests.peers import read_bfd_profile, read_old_peer, read_peer
from proclaim.manifests.pools import read_community, read_pool
from proclaim.manifests.remarks import remarks
from proclaim.manifests.scalars import type_name
from proclaim.manifests.yaml_document import Document, Fault, NotYaml, Path, Value
from proclaim.manifests.yaml_text import MAX_BYTES, decode, documents
from proclaim.model import Problem, Resource, Sourced

Read: TypeAlias = Callable[[Fields, Metadata, Report], Resource]

METALLB = "metallb.io"
_OUTPUTS = ("ServiceL2Status", "ServiceBGPStatus", "ConfigurationState")
_LIST = "List"
_MAX_LIST_DEPTH = 3
_WHO = ("apiVersion", "kind", "metadata.name")  # the namespace begins with the last one


class _Kind(NamedTuple):
    """How one kind is read."""

    read: Read
    namespaced: bool = False
    strict: bool = False
    """Whether an unknown field is a problem."""


def _plain(read: Callable[[Fields, Metadata], Resource]) -> Read:
    return lambda root, metadata, _report: read(root, metadata)


def _metallb(read: Callable[[Fields, Metadata], Resource]) -> _Kind:
    return _Kind(_plain(read), strict=True)


_KINDS: dict[tuple[str, str], _Kind] = {
    ("v1", "Service"): _Kind(_plain(read_service), namespaced=True),
    ("v1", "Node"): _Kind(_plain(read_node)),
    ("v1", "Namespace"): _Kind(_plain(read_namespace)),
    ("discovery.k8s.io/v1", "EndpointSlice"): _Kind(_plain(read_endpoint_slice), namespaced=True),
    ("metallb.io/v1beta1", "IPAddressPool"): _metallb(read_pool),
    ("metallb.io/v1beta1", "L2Advertisement"): _metallb(read_l2_advertisement),
    ("metallb.io/v1beta1", "BGPAdvertisement"): _metallb(read_bgp_advertisement),
    ("metallb.io/v1beta1", "BGPPeer"): _Kind(read_old_peer, strict=True),
    ("metallb.io/v1beta2", "BGPPeer"): _Kind(read_peer, strict=True),
    ("metallb.io/v1beta1", "BFDProfile"): _metallb(read_bfd_profile),
    ("metallb.io/v1beta1", "Community"): _metallb(read_community),
}
_VERSIONS: dict[tuple[str, str], tuple[str, ...]] = {}
for _version, _name in _KINDS:
    _group = _version.rpartition("/")[0]
    _VERSIONS[_group, _name] = (*_VERSIONS.get((_group, _name), ()), _version)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one object turned out to be."""

    resource: Resource | None = None
    """None when it is of no kind of ours, or something is wrong with it."""
    problems: tuple[Problem, ...] = ()
    password: str = field(default="", repr=False)
    """The inline password of a BGPPeer, which no resource holds."""
    known: bool = True
    """Whether it is clear which resource this is, or that it is none."""
    remarks: tuple[Finding, ...] = ()
    """What the resource itself does not show any more: how it was written."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What one file holds."""

    resources: tuple[Sourced, ...] = ()
    lines: tuple[int, ...] = ()
    """The line of each resource's name."""
    problems: tuple[Problem, ...] = ()
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    """Inline passwords by the name of their BGPPeer."""
    readable: bool = True
    """False when a document hides which resource it is, so that some are unknown."""
    remarks: tuple[Finding, ...] = ()


def read_documents(data: bytes | str, file: str, max_bytes: int = MAX_BYTES) -> Documents:
    """Read a file of YAML documents or JSON; what is wrong becomes problems, never an exception."""
    return collect(read_each(data, file, max_bytes))


def read_each(data: bytes | str, file: str, max_bytes: int = MAX_BYTES) -> Iterator[Found]:
    """Read a file one object at a time, for those who have to pause in between."""
    try:
        text = decode(data, max_bytes)
    except NotYaml as problem:
        yield _unreadable(file, problem)
        return
    for document in documents(text):
        if isinstance(document, NotYaml):
            yield _unreadable(file, document)
        elif document.value is not None or document.faults:  # kubectl passes over null too
            yield from _objects(document, document.value, (), file)


class Found(NamedTuple):
    """An object of a file."""

    file: str
    line: int
    """Of its name, or of the object when that is unclear."""
    parsed: Parsed
    locate: Locate = nowhere
    """The line of each of its fields."""


def collect(found: Iterable[Found]) -> Documents:
    """Put the objects of one file together."""
    resources: list[Sourced] = []
    lines: list[int] = []
    problems: list[Problem] = []
    passwords: dict[str, str] = {}
    remarks: list[Finding] = []
    readable = True
    for file, line, parsed, _ in found:
        problems.extend(parsed.problems)
        remarks.extend(parsed.remarks)
        readable = readable and parsed.known
        if parsed.resource is not None:
            resources.append(Sourced(parsed.resource, file))
            lines.append(line)
            if parsed.password:
                passwords.setdefault(parsed.resource.ref.name, parsed.password)
    return Documents(
        tuple(resources), tuple(lines), tuple(problems), passwords, readable, tuple(remarks)
    )


def _unreadable(file: str, problem: NotYaml) -> Found:
    said = Problem(file=file, line=problem.line, problem=problem.sentence)
    return Found(file, problem.line, Parsed(problems=(said,), known=False))


def _objects(document: Document, value: Value, at: Path, file: str) -> Iterator[Found]:
    """An object, or those of a list (`kind: List`, `ServiceList`)."""
    if len(at) < 2 * _MAX_LIST_DEPTH and isinstance(value, dict) and _is_list(value):
        yield from _list_faults(document, at, file)
        kind = value["kind"].removesuffix("List")
        for index, item in enumerate(value["items"]):
            if kind and isinstance(item, dict):  # items of a typed list need not say what they are
                item = {"apiVersion": value.get("apiVersion"), "kind": kind, **item}
            yield from _objects(document, item, (*at, "items", index), file)
        return

    def locate(path: Path) -> int:
        return document.locate((*at, *path))

    faults = [
        fault._replace(path=fault.path[len(at) :])
        for fault in document.faults
        if fault.path[: len(at)] == at
    ]
    parsed = parse_object(value, locate, file, faults)
    yield Found(file, locate(("metadata", "name")), parsed, locate)


def _list_faults(document: Document, at: Path, file: str) -> Iterator[Found]:
    """Faults of a list that lie in none of its items: nobody knows what they hide."""
    report = Report(file, document.locate, _LIST)
    for fault in document.faults:
        path = fault.path[len(at) :]
        in_an_item = len(path) > 1 and path[0] == "items" and isinstance(path[1], int)
        if fault.path[: len(at)] == at and not in_an_item:
            report.add(path, fault.sentence, fault.line)
    if report.problems:
        yield Found(file, document.line, Parsed(problems=tuple(report.problems), known=False))


def _is_list(value: dict[str, Value]) -> bool:
    """Whether it is a `List`, or a list of one of our kinds; other kinds may be named so too."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(kind, str) or not isinstance(value.get("items"), list):
        return False
    return kind == _LIST or (version, kind.removesuffix("List")) in _KINDS


def parse_object(
    value: Value, locate: Locate = nowhere, file: str = "", faults: Iterable[Fault] = ()
) -> Parsed:
    """Read one decoded object: a mapping with `apiVersion` and `kind`.

    `locate` gives the line of a field, for the problems.  Never raises.
    """
    report = Report(file, locate)
    kind = _kind_of(report, value)
    if kind is None:
        for fault in faults if report.problems else ():
            report.add(fault.path, fault.sentence, fault.line)
        return Parsed(problems=tuple(report.problems), known=not report.problems)
    report.kind = value["kind"]
    identify(report, value, namespaced=kind.namespaced)
    for fault in faults:
        report.add(fault.path, fault.sentence, fault.line)
    if report.problems:
        return _refused(report)
    root = Fields(report, (), value)
    metadata = read_metadata(root, report.kind, namespaced=kind.namespaced, strict=kind.strict)
    resource = kind.read(root, metadata, report) if metadata is not None else None
    if kind.strict:
        for key in ("apiVersion", "kind", "spec", "status"):
            root.get(key)
        root.close()
    if report.problems or resource is None:
        return _refused(report)
    said = tuple(
        Finding(file, locate(path), resource.ref, render(path), code, sentence)
        for path, code, sentence in remarks(value)
    )
    return Parsed(resource, password=report.password, remarks=said)


def _refused(report: Report) -> Parsed:
    """An object of ours with problems, in the order of their lines."""
    problems = sorted(report.problems, key=lambda problem: problem.line)
    doubtful = any(problem.field.startswith(_WHO) for problem in problems)
    return Parsed(problems=tuple(problems), known=bool(report.name) and not doubtful)


def _kind_of(report: Report, value: Value) -> _Kind | None:
    """Who reads an object; None when nobody does, with a problem when somebody should."""
    if not isinstance(value, dict):
        report.add((), f"is {type_name(value)}; a mapping with apiVersion and kind is expected")
        return None
    root = Fields(report, (), value)
    version = root.required_text("apiVersion", "one such as v1 or metallb.io/v1beta1")
    name = root.required_text("kind", "one such as Service or IPAddressPool")
    if not version or not name:
        return None
    if kind := _KINDS.get((version, name)):
        return kind
    if name == _LIST and root.has("items"):
        root.problem("items", f"is no list, or a list inside more than {_MAX_LIST_DEPTH} others")
    group = version.rpartition("/")[0]
    if (group, name) in _VERSIONS:
        report.kind = name
        accepted = " or ".join(_VERSIONS[group, name])
        report.add(("apiVersion",), f"{clip(version)} is unknown for {name}; use {accepted}")
    elif group == METALLB and name not in _OUTPUTS:
        kinds = sorted(known for known_group, known in _VERSIONS if known_group == METALLB)
        guess = get_close_matches(name[:63], kinds, n=1)
        hint = f"did you mean {guess[0]}?" if guess else f"accepted are {', '.join(kinds)}"
        report.add(("kind",), f"{clip(name)} is unknown; {hint}")
    return None
