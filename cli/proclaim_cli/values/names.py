"""Names as users write them: `web`, `shop/web`, `service/shop/web`, `ipaddresspool/public`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from proclaim.addresses import parse_address
from proclaim.errors import Usage
from proclaim.model import Ref, service_ref

_SERVICE = ("service", "services", "svc")
_ALIASES = {
    "svc": "Service",
    "pool": "IPAddressPool",
    "peer": "BGPPeer",
    "interface": "InterfaceStatus",
}
_GUESSES = 3
_NAMESPACED = ("Service", "EndpointSlice")


def service_named(text: str) -> Ref:
    """The Service that a text names; the namespace is `default` where it says none.

    Raises Usage when it cannot be a name.
    """
    parts = text.split("/")
    if len(parts) > 1 and parts[0].lower() in _SERVICE:
        parts = parts[1:]
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise Usage(f"{text!r} names no Service", hint="write web, shop/web, or service/shop/web")
    return service_ref("default" if len(parts) == 1 else parts[0], parts[-1])


def services_alike(asked: Ref, known: Iterable[Ref]) -> list[str]:
    """Services that may be meant by a name that none has: the same elsewhere, or nearly so."""
    names = sorted(ref.short for ref in known)
    elsewhere = [name for name in names if name.endswith(f"/{asked.name}")]
    return elsewhere[:_GUESSES] or get_close_matches(asked.short, names, _GUESSES, 0.75)


def address_named(text: str) -> str:
    """The address that a text is, as it is written everywhere; empty when it is none."""
    try:
        return str(parse_address(text))
    except ValueError:
        return ""


class Filter:
    """Which resources are asked for: one by name, or all of a kind."""

    def __init__(self, text: str, kinds: Iterable[str]) -> None:
        """Where a name or two begin with no kind they are a Service's; raises Usage for others.

        So does what looks like a kind that is spelt wrong, though it may be a namespace.
        """
        kind, *rest = text.split("/")
        known = list(kinds)
        if text and len(rest) < 2 and not _is_kind(kind, known):
            if rest and (guess := get_close_matches(kind.lower(), map(str.lower, known), 1, 0.8)):
                meant = next(each for each in known if each.lower() == guess[0])
                hint = f"did you mean {meant}? of a namespace, write service/{text}"
                raise Usage(f"{kind!r} is no kind of resource", hint=hint)
            kind, rest = "Service", [kind, *rest]
        self._kind = _kind(kind, known)
        if len(rest) > 2 or not all(rest):
            raise Usage(f"{text!r} names nothing", hint="write service/default/web")
        if len(rest) == 1 and self._kind in _NAMESPACED:
            rest = ["default", *rest]
        self._rest = rest

    def matches(self, ref: Ref) -> bool:
        """Whether a resource is asked for."""
        if ref.kind != self._kind:
            return False
        return not self._rest or [part for part in ref[1:] if part] == self._rest


def _is_kind(text: str, kinds: list[str]) -> bool:
    return _found_kind(text, {kind.lower(): kind for kind in kinds}) is not None


def _found_kind(text: str, known: dict[str, str]) -> str | None:
    asked = text.lower()
    for form in (asked, asked.removesuffix("s")):
        if form in _ALIASES:
            return _ALIASES[form]
        if form in known:
            return known[form]
    return None


def _kind(text: str, kinds: list[str]) -> str:
    known = {kind.lower(): kind for kind in kinds}
    asked = text.lower()
    if found := _found_kind(text, known):
        return found
    guess = get_close_matches(asked, known, n=1)
    raise Usage(
        f"{text!r} is no kind of resource",
        hint=f"did you mean {known[guess[0]]}?" if guess else f"there are {', '.join(kinds)}",
    )
