"""Names and times as users write them."""

import pytest
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.errors import Usage
from proclaim.events import SourceListed
from proclaim.log import Event, MemoryLog
from proclaim.model import Ref, service_ref
from proclaim_cli.values.names import Filter, service_named
from proclaim_cli.values.when import position_at

CODEC = Codec(KINDS)
NAMES = [kind.name for kind in KINDS]


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("web", "default", "web"),
        ("shop/web", "shop", "web"),
        ("service/web", "default", "web"),
        ("service/shop/web", "shop", "web"),
        ("Service/shop/web", "shop", "web"),
        ("svc/web", "default", "web"),
        ("service/service/service", "service", "service"),
    ],
)
def test_a_service_has_many_names(text, namespace, name):
    assert service_named(text) == service_ref(namespace, name)


@pytest.mark.parametrize("text", ["", "/", "a/", "/a", "a/b/c", "service/a/b/c"])
def test_what_names_no_service_is_refused(text):
    with pytest.raises(Usage):
        service_named(text)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("service/shop/web", Ref("Service", "shop", "web")),
        ("services/shop/web", Ref("Service", "shop", "web")),
        ("Service/web", Ref("Service", "default", "web")),
        ("ipaddresspool/public", Ref("IPAddressPool", "", "public")),
        ("pool/public", Ref("IPAddressPool", "", "public")),
        ("PeerStatus/n1/tor", Ref("PeerStatus", "n1", "tor")),
        ("node", Ref("Node", "", "anything")),
        ("web", Ref("Service", "default", "web")),
        ("shop/odd", Ref("Service", "shop", "odd")),
    ],
)
def test_a_filter_finds_what_it_names(text, ref):
    assert Filter(text, NAMES).matches(ref)
    assert not Filter(text, NAMES).matches(Ref("Namespace", "", "other"))


def test_a_misspelt_kind_is_guessed():
    with pytest.raises(Usage) as raised:
        Filter("servcie/web", NAMES)
    assert raised.value.hint == "did you mean Service? of a namespace, write service/servcie/web"
    with pytest.raises(Usage) as raised:
        Filter("servcie/shop/web", NAMES)
    assert raised.value.hint == "did you mean Service?"


@pytest.fixture
def log():
    """Facts at the seconds 100, 200, 200 and 300."""
    made = MemoryLog()
    for at, time in enumerate((100.0, 200.0, 200.0, 300.0), start=1):
        made.append([Event(*CODEC.encode(SourceListed(f"s{at}"), time, at))])
    return made


@pytest.mark.parametrize(
    ("when", "position"),
    [
        ("@0", 0),
        ("@3", 3),
        ("1970-01-01T00:01:39Z", 0),
        ("1970-01-01T00:01:40Z", 1),
        ("1970-01-01T00:03:20.000000Z", 3),
        ("1970-01-01T01:03:20+01:00", 3),
        ("2200-01-01T00:00:00Z", 4),
        ("100s", 4),
        ("101s", 3),
        ("3m20s", 3),
        ("5m", 1),
        ("301s", 0),
        ("1d", 0),
    ],
)
def test_a_moment_is_the_last_position_that_counts_then(log, when, position):
    assert position_at(log, CODEC, when, 400.0) == position


@pytest.mark.parametrize(
    "when",
    ["", "@", "@-1", "@5", "@1.5", "5", "5w", "-5m", "1970-01-01", "1970-01-01T00:00:00", "now"],
)
def test_what_is_no_moment_is_refused(log, when):
    with pytest.raises(Usage):
        position_at(log, CODEC, when, 400.0)
