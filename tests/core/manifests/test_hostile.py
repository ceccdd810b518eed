"""Input that was made to do harm: each is a problem at once, and does nothing else."""

import time

import pytest
from proclaim.manifests import parse_object, read_documents
from proclaim.model import Service
from proclaim.pool_index import parse_quota

POOL = {"addresses": ["192.0.2.0/24"]}
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1"}
ENDLESS = "9" * 1_000_000


def parsed(kind, spec, notes=None, version="metallb.io/v1beta1", **more):
    metadata = {"name": "one", "annotations": notes or {}}
    value = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, **more}
    return parse_object(value)


def a_service(notes=None, status=(), **spec):
    ingress = {"loadBalancer": {"ingress": [{"ip": text} for text in status]}}
    spec = {"type": "LoadBalancer", **spec}
    return parsed("Service", spec, notes, version="v1", status=ingress)


def places_of(text):
    """One text wherever an address may stand, by what it is read as."""
    return {
        "first of a range": parsed("IPAddressPool", {"addresses": [f"{text}-192.0.2.200"]}),
        "last of a range": parsed("IPAddressPool", {"addresses": [f"192.0.2.1-{text}"]}),
        "CIDR": parsed("IPAddressPool", {"addresses": [f"{text}/32"]}),
        "annotation": a_service({"metallb.io/loadBalancerIPs": text}),
        "annotation of the old prefix": a_service({"metallb.universe.tf/loadBalancerIPs": text}),
        "second of an annotation": a_service({"metallb.io/loadBalancerIPs": f"2001:db8::1,{text}"}),
        "field": a_service(loadBalancerIP=text),
        "cluster IP": a_service(clusterIP=text),
        "cluster IPs": a_service(clusterIPs=[text]),
        "peer": parsed("BGPPeer", {**PEER, "peerAddress": text}, version="metallb.io/v1beta2"),
        "source": parsed("BGPPeer", {**PEER, "sourceAddress": text}, version="metallb.io/v1beta2"),
        "router id": parsed("BGPPeer", {**PEER, "routerID": text}, version="metallb.io/v1beta2"),
        "node": parsed(
            "Node",
            {},
            version="v1",
            status={"addresses": [{"type": "InternalIP", "address": text}]},
        ),
    }


# --- addresses that two readers would read in two ways ------------------------------------------

TWO_WAYS = {
    "a leading zero": "192.0.2.010",
    "a leading zero in front": "010.0.0.1",
    "zeros for a whole part": "192.0.00.1",
    "hexadecimal": "0xc0.0.2.1",
    "one number": "3221225985",
    "three parts": "192.0.513",
    "a blank in front": " 192.0.2.1",
    "a line break behind": "192.0.2.1\n",
    "Arabic digits": "192.0.2.\u0661",
    "full-width digits": "\uff11\uff19\uff12.0.2.1",
    "a sign": "+192.0.2.1",
    "IPv4 inside IPv6": "::ffff:192.0.2.1",
    "IPv4 inside IPv6 with a leading zero": "::ffff:192.0.2.010",
    "a zone": "fe80::1%eth0",
    "a port": "192.0.2.1:80",
    "brackets": "[2001:db8::1]",
}
TRIMMED = (
    *("first of a range", "last of a range", "field"),
    *("annotation", "annotation of the old prefix", "second of an annotation"),
)


@pytest.mark.parametrize("text", TWO_WAYS.values(), ids=TWO_WAYS)
def test_wherever_an_address_stands_it_is_refused_with(text):
    for place, found in places_of(text).items():
        if text != text.strip() and place in TRIMMED:
            continue  # blanks around an address in a list are no part of it
        assert found.problems, f"{text!r} was accepted as {place}: {found.resource}"
        assert found.resource is None


@pytest.mark.parametrize("text", TWO_WAYS.values(), ids=TWO_WAYS)
def test_a_status_claims_nothing_with(text):
    found = a_service(status=[text, "192.0.2.7"])
    assert found.problems == ()
    assert found.resource.status_addresses == ("192.0.2.7",)


@pytest.mark.parametrize("text", ["192.0.2.0/024", "192.0.2.0/+24", "192.0.2.0/2_4", "192.0.2.0/"])
def test_a_prefix_length_is_plain_digits(text):
    assert parsed("IPAddressPool", {"addresses": [text]}).problems


# --- endless digits -----------------------------------------------------------------------------

HUGE = 10**5000
"""More digits than Python turns into a text."""
NUMBERS = {
    "priority": ("IPAddressPool", {**POOL, "serviceAllocation": {"priority": HUGE}}),
    "a negative priority": ("IPAddressPool", {**POOL, "serviceAllocation": {"priority": -HUGE}}),
    "aggregationLength": ("BGPAdvertisement", {"aggregationLength": HUGE}),
    "localPref": ("BGPAdvertisement", {"localPref": HUGE}),
    "myASN": ("BGPPeer", {**PEER, "myASN": HUGE}),
    "peerPort": ("BGPPeer", {**PEER, "peerPort": HUGE}),
    "receiveInterval": ("BFDProfile", {"receiveInterval": HUGE}),
}


@pytest.mark.parametrize(("kind", "spec"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_with_thousands_of_digits_is_out_of_range_as(kind, spec):
    (problem,) = parsed(kind, spec).problems
    assert "is not a whole number from" in problem.problem
    assert len(problem.problem) < 200


def test_a_port_with_thousands_of_digits_is_out_of_range():
    (problem,) = a_service(ports=[{"port": HUGE}]).problems
    assert "is not a whole number from 1 to 65535" in problem.problem
    assert len(problem.problem) < 200


@pytest.mark.parametrize("number", [HUGE, True, None, [1], {"a": 1}], ids=["huge", *"bnlm"])
def test_a_name_that_is_no_text_is_a_problem_whatever_it_is(number):
    value = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": number}}
    found = parse_object(value)
    assert found.problems
    assert all(len(str(problem)) < 300 for problem in found.problems)


TEXTS = {
    "an address": ({"addresses": [ENDLESS]}, {}),
    "an octet": ({"addresses": [f"{ENDLESS}.0.0.1/32"]}, {}),
    "a prefix length": ({"addresses": [f"192.0.2.0/{ENDLESS}"]}, {}),
    "the end of a range": ({"addresses": [f"192.0.2.1-{ENDLESS}"]}, {}),
    "a quota": (POOL, {"proclaim.io/namespace-quota": ENDLESS}),
    "a quota of a namespace": (POOL, {"proclaim.io/namespace-quota": f"shop={ENDLESS}"}),
    "the namespace of a quota": (POOL, {"proclaim.io/namespace-quota": f"{ENDLESS}=x"}),
    "a state of a pool": (POOL, {"proclaim.io/allocation": ENDLESS}),
}


@pytest.mark.parametrize(("spec", "notes"), TEXTS.values(), ids=TEXTS)
def test_a_million_digits_are_one_short_problem_at_once_as(spec, notes):
    began = time.perf_counter()
    found = parsed("IPAddressPool", spec, notes)
    assert time.perf_counter() - began < 0.5
    (problem,) = found.problems
    assert len(problem.problem) < 300


@pytest.mark.parametrize(
    "notes",
    [
        {"metallb.io/loadBalancerIPs": ENDLESS},
        {"metallb.io/loadBalancerIPs": f"{ENDLESS}.0.0.1"},
        {"metallb.io/loadBalancerIPs": "," * 100_000},
        {"metallb.io/loadBalancerIPs": "192.0.2.1," * 100_000},
    ],
    ids=["digits", "an octet", "commas", "addresses"],
)
def test_an_endless_request_is_one_short_problem_at_once(notes):
    began = time.perf_counter()
    (problem,) = a_service(notes).problems
    assert time.perf_counter() - began < 0.5
    assert len(problem.problem) < 300


def test_an_endless_quota_of_many_namespaces_is_read_in_one_go():
    began = time.perf_counter()
    quota = parse_quota(",".join(f"n{at}={at}" for at in range(50_000)))
    assert quota.of("n49999") == 49_999
    assert quota.of("other") is None
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "text", ["\u0661", "1_000", "+1", "0x1", "1e3", "1.0", " ", "shop", "=", "a=1,a=2", "1,*=2"]
)
def test_a_quota_is_plain_digits_for_each_namespace_once(text):
    with pytest.raises(ValueError, match=r"is no quota|is given twice"):
        parse_quota(text)


# --- YAML that does something -------------------------------------------------------------------

HEAD = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: one}\nspec: "


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.system ["touch owned"]',
        "!!python/name:os.system",
        "!!python/module:os",
        '!!python/object/new:os.system ["touch owned"]',
        "!<tag:yaml.org,2002:python/object/apply:os.system> [touch owned]",
        '!!binary "cm0gLXJm"',
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!timestamp 2001-12-14",
        "!local {a: 1}",
    ],
)
@pytest.mark.parametrize("place", ["{}", "{{addresses: {}}}", "{{addresses: [{}]}}"])
def test_no_tag_makes_anything_but_a_problem(tag, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = read_documents(HEAD + place.format(tag) + "\n", "-")
    assert found.resources == ()
    assert found.problems
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_of_aliases_in_an_annotation_goes_off_nowhere():
    levels = ['a: &a "lol"'] + [
        f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join(['*' + chr(97 + at)] * 10)}]"
        for at in range(9)
    ]
    bomb = "{" + ", ".join(levels) + "}"
    text = f"apiVersion: v1\nkind: Service\nmetadata: {{name: one, annotations: {bomb}}}\n"
    began = time.perf_counter()
    found = read_documents(text, "-")
    assert time.perf_counter() - began < 2
    assert found.resources == ()
    assert "aliases stand for more than" in found.problems[0].problem


def test_a_bomb_beside_a_service_costs_the_service_nothing_when_it_is_another_document():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 50)}]\n" for n in range(1, 9))
    good = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n"
    found = read_documents(
        f"{good}---\nl0: &l0 [x]\n{levels}---\n{good.replace('web', 'api')}", "-"
    )
    assert [each.resource.name for each in found.resources] == ["web", "api"]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    "key", ["__class__", "__init__", "__proto__", "self", "{0.__class__}", "%s"]
)
def test_a_name_that_means_something_to_a_language_is_only_a_name(key):
    found = a_service({f"metallb.io/{key}": "x"}, selector={"app": key})
    assert all(isinstance(problem.problem, str) for problem in found.problems)
    labelled = parsed("IPAddressPool", {**POOL, key: 1})
    (problem,) = labelled.problems
    assert key in str(problem)


# --- a tenant who would have what is not his ----------------------------------------------------


def test_external_addresses_of_a_service_are_not_even_read():
    found = a_service(externalIPs=["192.0.2.1"], loadBalancerSourceRanges=["0.0.0.0/0"])
    assert found.resource == Service("default", "one", type="LoadBalancer")
