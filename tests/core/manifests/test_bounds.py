"""Whatever comes in, nothing raises, and memory and time stay bounded."""

import time
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proclaim.manifests import parse_object, read_documents
from proclaim.manifests.yaml_document import MAX_ALIASED_NODES, MAX_DEPTH, read_document
from proclaim.manifests.yaml_text import _JSON_TOKEN, MAX_DOCUMENTS, documents
from proclaim.model import Listing

KINDS = [
    ("v1", "Service"),
    ("v1", "Node"),
    ("v1", "Namespace"),
    ("v1", "List"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("metallb.io/v1beta1", "IPAddressPool"),
    ("metallb.io/v1beta1", "L2Advertisement"),
    ("metallb.io/v1beta1", "BGPAdvertisement"),
    ("metallb.io/v1beta1", "BGPPeer"),
    ("metallb.io/v1beta2", "BGPPeer"),
    ("metallb.io/v1beta1", "BFDProfile"),
    ("metallb.io/v1beta1", "Community"),
]
WORDS = [
    *("metadata", "name", "namespace", "labels", "annotations", "spec", "status"),
    *("addresses", "autoAssign", "serviceAllocation", "priority", "namespaces"),
    *("serviceSelectors", "matchLabels", "matchExpressions", "key", "operator"),
    *("values", "ipAddressPools", "nodeSelectors", "interfaces"),
    *("preferredNodeSelectors", "weight", "preference", "peers", "communities"),
    *("aggregationLength", "localPref", "myASN", "peerASN", "dynamicASN"),
    *("peerAddress", "interface", "holdTime", "keepaliveTime", "connectTime"),
    *("password", "passwordSecret", "routerID", "receiveInterval", "type"),
    *("loadBalancerIP", "clusterIPs", "clusterIP", "ipFamilies", "ports", "port"),
    *("protocol", "loadBalancer", "ingress", "ip", "endpoints", "conditions", "ready"),
    *("serving", "nodeName", "items"),
]
TEXTS = st.text() | st.sampled_from(
    ["web", "192.0.2.0/24", "10.0.0.1-10.0.0.9", "fd00::1", "90s", "1:2", "In", "LoadBalancer"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(st.text() | st.binary())
def test_no_text_and_no_bytes_raise(data):
    found = read_documents(data, "-")
    msgspec.json.encode(Listing("files", found.resources, problems=found.problems))


@given(st.text(alphabet="ab:-[]{},&*!|>'\"#%@`? \n\t.~<0123456789"))
def test_no_text_made_of_yaml_raises(data):
    found = read_documents(data, "-")
    assert all(0 <= problem.line <= data.count("\n") + 1 for problem in found.problems)
    assert all("\n" not in str(problem) for problem in found.problems)


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(WORDS), VALUES), VALUES)
def test_no_object_raises_and_each_gives_a_resource_or_a_problem(kind, fields, spec):
    value = {
        "metadata": {"name": "web"},
        "spec": spec,
        **fields,
        "apiVersion": kind[0],
        "kind": kind[1],
    }
    parsed = parse_object(value)
    assert (parsed.resource is None) == bool(parsed.problems) or kind[1] == "List"
    msgspec.json.encode(Listing("k8s", problems=parsed.problems))


@given(VALUES)
def test_nothing_that_json_can_say_raises(value):
    parse_object(value)
    read_documents(msgspec.json.encode(value), "-")


def test_nesting_up_to_the_limit_is_read():
    assert read_document("[" * MAX_DEPTH + "]" * MAX_DEPTH).faults == []


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "a:\n" + " ", '{"a":'])
@pytest.mark.slow
def test_nesting_of_a_million_levels_is_one_problem_at_once(opening):
    began = time.perf_counter()
    found = read_documents(opening * (1_000_000 // len(opening)), "-")
    assert len(found.problems) == 1
    assert time.perf_counter() - began < 5


@pytest.mark.slow
def test_a_million_aliases_cost_no_memory():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 50)}]\n" for n in range(1, 40))
    tracemalloc.start()
    found = read_documents(f"l0: &l0 [x]\n{levels}", "-")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [problem.problem for problem in found.problems] == [
        f"aliases stand for more than {MAX_ALIASED_NODES} values"
    ]
    assert peak < 10_000_000


def test_a_bomb_of_merge_keys_goes_off_nowhere():
    base = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}\n"
    many = "".join(f"b{n}: {{<<: *a}}\n" for n in range(100))
    (problem,) = read_documents(base + many, "-").problems
    assert "aliases stand for more than" in problem.problem


@pytest.mark.slow
def test_more_documents_than_anyone_needs_are_one_problem():
    found = read_documents("---\na\n" * (MAX_DOCUMENTS + 1), "-")
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    "line", ["%YAML 1.1\n", "#\n", "\n", "\t", '"', ":\n", "? a\n", "a: 1\n", "- &a x\n", "---\n"]
)
@pytest.mark.slow
def test_a_megabyte_of_one_line_costs_no_more_than_its_length(line):
    began = time.perf_counter()
    read_documents(line * (1_000_000 // len(line)), "-")
    assert time.perf_counter() - began < 5  # a second at most on an idle machine


def test_an_endless_quote_in_json_is_looked_at_once():
    began = time.perf_counter()
    _JSON_TOKEN.sub("", '{"' + "a\\" * 500_000)
    list(documents('{"\t' + "a" * 500_000))
    assert time.perf_counter() - began < 2


@pytest.mark.slow
def test_ten_thousand_services_are_read_in_a_few_seconds():
    one = (
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web-{0}\n  labels: {{app: web}}\n"
        "spec:\n  type: LoadBalancer\n  selector: {{app: web}}\n  ports:\n"
        "  - name: http\n    port: 80\n    targetPort: 8080\n    protocol: TCP\n"
    )
    text = "---\n".join(one.format(n) for n in range(10_000)).encode()
    began = time.perf_counter()
    found = read_documents(text, "-")
    assert time.perf_counter() - began < 10  # 1.2 s on a machine with nothing else to do
    assert len(found.resources) == 10_000
    assert found.problems == ()
