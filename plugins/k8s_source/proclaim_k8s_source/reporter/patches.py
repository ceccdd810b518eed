"""The difference between what is wanted and what the server shows, as the smallest patch.

All are JSON merge patches (RFC 7396).  None means that nothing is to be
written, which is what keeps a settled cluster silent.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from proclaim_k8s_source.reporter.wanted import Assigned
from proclaim_k8s_source.shown import AGREED, POOL, ShownService

Body: TypeAlias = dict[str, Any]


def shows(shown: ShownService, wanted: Assigned) -> bool:
    """Whether the status says what it should, in whatever order."""
    if len(shown.ingress) > len(shown.addresses) and not wanted.addresses:
        return False
    return sorted(shown.addresses) == sorted(wanted.addresses)


def service_patch(shown: ShownService, wanted: Assigned) -> Body | None:
    """For `services/NAME/status`: the addresses and the annotation.

    A server that knows `ipMode` fills it in.  The resourceVersion is a
    precondition: what we did not see yet is not overwritten.
    """
    annotations: Body = {}
    if shown.pool != (wanted.pool or None):
        annotations[POOL] = wanted.pool or None
    if shown.agreed is not None:
        annotations[AGREED] = None
    body: Body = {}
    if not shows(shown, wanted):
        entries = [{"ip": text} for text in wanted.addresses]
        body["status"] = {"loadBalancer": {"ingress": entries or None}}
    return _with_metadata(body, annotations, shown.resource_version)


def agreement_patch(shown: ShownService, wanted: Assigned) -> Body | None:
    """The annotation alone, while the status is left to somebody else."""
    agreed = ",".join(wanted.addresses) or None
    annotations: Body = {}
    if shown.agreed != agreed:
        annotations[AGREED] = agreed
    if shown.pool != (wanted.pool or None):
        annotations[POOL] = wanted.pool or None
    return _with_metadata({}, annotations, shown.resource_version)


def _with_metadata(body: Body, annotations: Body, resource_version: str) -> Body | None:
    if annotations:
        body["metadata"] = {"annotations": annotations}
    if not body:
        return None
    if resource_version:
        body.setdefault("metadata", {})["resourceVersion"] = resource_version
    return body


def status_patch(shown: Body | None, wanted: Body) -> Body | None:
    """For `/status` of an object whose whole status is ours."""
    if shown is not None and _same(shown, wanted):
        return None
    removed = {key: None for key in shown or {} if key not in wanted}
    return {"status": {**removed, **wanted}}


def _same(shown: Body, wanted: Body) -> bool:
    return shown.keys() == wanted.keys() and all(
        _conditions(shown[key]) == _conditions(wanted[key]) for key in wanted
    )


def _conditions(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """A value without the times at which its conditions came about."""
    if not isinstance(value, list):
        return value
    return [
        {key: one for key, one in each.items() if key != "lastTransitionTime"}
        if isinstance(each, dict)
        else each
        for each in value
    ]
