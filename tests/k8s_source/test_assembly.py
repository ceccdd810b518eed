"""What is told of all that is watched: the newest value, and only what matters."""

from __future__ import annotations

import pytest
from proclaim import Problem, Ref
from proclaim.model import BGPPeer, EndpointSlice, Node, Pool, Secret, Service
from proclaim_k8s_source.watch.assembly import Assembly
from proclaim_k8s_source.watch.translate import Item

WEB = Ref("Service", "shop", "web")
SLICE = Ref("EndpointSlice", "shop", "web-1")


def web(kind="LoadBalancer", wanted=None, **fields):
    resource = Service(namespace="shop", name="web", type=kind, **fields)
    return Item(WEB, resource=resource, wanted=kind == "LoadBalancer" if wanted is None else wanted)


def a_slice(*nodes, service="web", name="web-1"):
    resource = EndpointSlice(namespace="shop", name=name, service=service, serving_nodes=nodes)
    return Item(Ref("EndpointSlice", "shop", name), resource=resource)


def node(**fields):
    return Item(Ref("Node", "", "n1"), resource=Node("n1", **fields))


def gone(ref):
    return Item(ref, gone=True)


def broken(ref):
    problem = Problem(kind=ref.kind, namespace=ref.namespace, name=ref.name, problem="is odd")
    return Item(ref, problems=(problem,))


class Told:
    def __init__(self, reads_secrets=True):
        self.assembly = Assembly("metallb-system", reads_secrets)

    def hear(self, *items):
        for item in items:
            self.assembly.change(item)
        return self

    def replace(self, kind, *items):
        for _ in self.assembly.replace(kind, (items,)):
            pass
        return self

    @property
    def news(self):
        """What is told now: values by reference, None where one is gone."""
        changes = self.assembly.take().changes
        return {ref: new for ref, (old, new) in changes.items() if old != new}


@pytest.fixture
def told():
    return Told()


def test_the_newest_value_is_told_and_only_once(told):
    told.hear(node(), node(network_unavailable=True))
    assert told.news == {node().ref: Node("n1", network_unavailable=True)}
    assert told.news == {}


def test_a_heartbeat_that_changes_nothing_is_not_told(told):
    told.hear(node())
    assert told.news
    assert not told.hear(node()).assembly.untold


def test_what_changed_back_is_not_told(told):
    told.hear(node())
    assert told.news
    told.hear(node(network_unavailable=True), node())
    assert told.news == {}


def test_what_came_and_went_is_not_told(told):
    assert told.hear(node(), gone(node().ref)).news == {}


def test_what_changes_while_it_is_told_is_told_again(told):
    told.hear(node())
    first = told.assembly.take()
    told.hear(node(network_unavailable=True), node())
    assert first.changes[node().ref] == (None, Node("n1"))
    assert told.news == {}
    told.hear(node(network_unavailable=True))
    assert told.news == {node().ref: Node("n1", network_unavailable=True)}


# --- Services and slices -----------------------------------------------------------------------


def test_a_service_of_another_type_is_left_out(told):
    assert told.hear(web("ClusterIP")).news == {}


def test_a_service_of_another_class_is_told(told):
    assert told.hear(web(load_balancer_class="other")).news


def test_a_service_that_was_of_type_load_balancer_is_told_with_its_new_type(told):
    told.hear(web())
    assert told.news
    assert told.hear(web("ClusterIP")).news[WEB].type == "ClusterIP"


def test_a_service_that_becomes_one_is_told(told):
    told.hear(web("ClusterIP"))
    assert told.hear(web()).news[WEB].type == "LoadBalancer"


def test_a_service_that_was_never_told_goes_unnoticed(told):
    told.hear(web("ClusterIP"), gone(WEB))
    assert told.news == {}


@pytest.mark.parametrize("order", ["slice first", "service first"])
def test_a_slice_is_told_with_its_service_whichever_comes_first(told, order):
    items = [a_slice("n1"), web()]
    told.hear(*(items if order == "slice first" else reversed(items)))
    assert told.news == {WEB: web().resource, SLICE: a_slice("n1").resource}


def test_slices_of_other_services_are_left_out_until_their_service_becomes_one(told):
    told.hear(web("ClusterIP"), a_slice("n1"), a_slice("n2"))
    assert told.news == {}
    assert told.hear(web()).news[SLICE] == a_slice("n2").resource


def test_pods_that_come_and_go_on_the_same_nodes_are_not_told(told):
    told.hear(web(), a_slice("n1", "n2"))
    assert told.news
    told.hear(a_slice("n1", "n2"))
    assert not told.assembly.untold
    assert told.hear(a_slice("n1")).news == {SLICE: a_slice("n1").resource}


def test_the_slices_of_a_service_go_with_it(told):
    told.hear(web(), a_slice("n1"))
    assert told.news
    assert told.hear(gone(WEB)).news == {WEB: None, SLICE: None}
    assert told.hear(gone(SLICE)).news == {}


def test_a_slice_that_comes_to_belong_to_another_service_leaves_the_first(told):
    told.hear(web(), a_slice("n1"))
    assert told.news
    assert told.hear(a_slice("n1", service="other")).news == {SLICE: None}
    assert told.hear(a_slice("n1")).news == {SLICE: a_slice("n1").resource}


# --- complete lists ----------------------------------------------------------------------------


def test_a_list_says_what_is_gone_and_what_is_new(told):
    told.hear(web(), a_slice("n1"), node())
    assert told.news
    told.replace("Node")
    told.replace("Service", web(labels=(("a", "b"),)))
    assert told.news == {node().ref: None, WEB: web(labels=(("a", "b"),)).resource}


def test_a_list_that_says_nothing_new_is_not_told(told):
    told.hear(web(), a_slice("n1"))
    assert told.news
    told.replace("Service", web())
    told.replace("EndpointSlice", a_slice("n1"))
    assert told.news == {}


def test_a_list_drops_slices_that_were_never_told(told):
    told.hear(a_slice("n1"))
    told.replace("EndpointSlice")
    assert told.hear(web()).news == {WEB: web().resource}


# --- problems ----------------------------------------------------------------------------------


def test_what_has_a_problem_keeps_its_last_good_value(told):
    told.hear(node())
    assert told.news
    told.hear(broken(node().ref))
    untold = told.assembly.take()
    assert untold.changes == {}
    assert [problem.name for problem in untold.problems] == ["n1"]


def test_problems_that_are_the_same_are_not_told_again(told):
    told.hear(broken(node().ref))
    assert told.news == {}
    assert not told.hear(broken(node().ref)).assembly.untold


def test_a_problem_that_is_mended_is_told(told):
    told.hear(broken(node().ref))
    assert told.news == {}
    told.hear(node())
    untold = told.assembly.take()
    assert untold.problems == ()
    assert untold.changes[node().ref][1] == Node("n1")


def test_what_had_a_problem_from_the_start_is_told_when_it_is_gone(told):
    told.hear(broken(WEB))
    assert told.news == {}
    assert told.hear(gone(WEB)).news == {WEB: None}
    assert told.assembly.problems() == ()


def test_the_slices_of_a_service_with_a_problem_are_told(told):
    told.hear(broken(WEB), a_slice("n1"))
    assert told.news == {SLICE: a_slice("n1").resource}


# --- passwords ---------------------------------------------------------------------------------


def peer(password=Secret.NONE, secret="", text=""):
    resource = BGPPeer(
        name="tor", my_asn=1, peer_asn=2, peer_address="10.0.0.1", password=password,
        password_secret=secret,
    )  # fmt: skip
    return Item(Ref("BGPPeer", "", "tor"), resource=resource, password=text)


def the_secret(password="", complaint=""):
    return Item(Ref("Secret", "", "bgp"), password=password, complaint=complaint)


REFERENCE = peer(Secret.REFERENCE, "bgp")


def test_an_inline_password_is_known_by_its_peer(told):
    told.hear(peer(Secret.INLINE, text="a"))
    assert told.assembly.passwords() == {"tor": "a"}
    assert told.hear(peer()).assembly.passwords() == {}


def test_a_secret_that_a_peer_names_is_known_by_the_peer(told):
    told.hear(REFERENCE)
    assert told.assembly.secrets == {"bgp"}
    assert told.hear(the_secret("a")).assembly.passwords() == {"tor": "a"}
    assert told.assembly.problems() == ()


@pytest.mark.parametrize("item", [gone(the_secret().ref), the_secret(complaint="is odd")])
def test_a_secret_that_is_lost_is_a_problem_of_the_peer_and_its_password_stays(told, item):
    told.hear(REFERENCE, the_secret("a"), item)
    (problem,) = told.assembly.problems()
    assert (problem.kind, problem.name, problem.field) == ("BGPPeer", "tor", "spec.passwordSecret")
    assert told.assembly.passwords() == {"tor": "a"}
    assert told.news[REFERENCE.ref] == REFERENCE.resource


def test_a_missing_secret_is_told_with_what_would_do(told):
    told.hear(REFERENCE, gone(the_secret().ref))
    (problem,) = told.assembly.problems()
    assert problem.problem == (
        "names the Secret bgp, which is not in the namespace metallb-system; "
        "one of type kubernetes.io/basic-auth with the key password is expected"
    )


def test_a_password_is_in_nothing_that_is_told(told):
    told.hear(REFERENCE, the_secret("planted"), peer(Secret.INLINE, text="planted"))
    untold = told.assembly.take()
    assert "planted" not in repr(untold)
    assert "planted" not in repr(the_secret("planted"))


# --- peers whose password is not known yet -----------------------------------------------------

OTHER = peer(Secret.REFERENCE, "other")
OTHER_SECRET = Item(Ref("Secret", "", "other"), password="b")


@pytest.fixture
def in_force(told):
    """A peer without a password has been told."""
    told.hear(peer())
    assert told.news
    return told


def wrong_in(told):
    return [(problem.name, problem.field) for problem in told.assembly.problems()]


@pytest.mark.parametrize(
    "items", [(), (gone(the_secret().ref),), (the_secret(complaint="is odd"),)], ids=len
)
def test_a_peer_in_force_stays_until_the_password_that_it_comes_to_need_is_known(in_force, items):
    in_force.hear(REFERENCE, *items)
    assert in_force.news == {}
    assert wrong_in(in_force) == [("tor", "spec.passwordSecret")] * len(items)
    assert in_force.assembly.secrets == {"bgp"}
    in_force.hear(the_secret("a"))
    assert in_force.assembly.passwords() == {"tor": "a"}
    assert in_force.news == {REFERENCE.ref: REFERENCE.resource}
    assert wrong_in(in_force) == []


def test_an_inline_password_stays_in_force_until_the_next_one_is_known(told):
    told.hear(peer(Secret.INLINE, text="a"))
    assert told.news
    told.hear(REFERENCE, gone(the_secret().ref))
    assert told.news == {}
    assert told.assembly.passwords() == {"tor": "a"}
    told.hear(the_secret("b"))
    assert told.assembly.passwords() == {"tor": "b"}


def test_the_secret_in_force_is_followed_until_the_next_one_is_known(told):
    told.hear(REFERENCE, the_secret("a"))
    assert told.news
    told.hear(OTHER, gone(OTHER_SECRET.ref), the_secret("c"))
    assert told.news == {}
    assert told.assembly.secrets == {"bgp", "other"}
    assert told.assembly.passwords() == {"tor": "c"}
    assert told.hear(OTHER_SECRET).news == {OTHER.ref: OTHER.resource}
    assert told.assembly.secrets == {"other"}
    assert told.assembly.passwords() == {"tor": "b"}


def test_a_new_peer_is_told_before_its_password_is_known(told):
    assert told.hear(REFERENCE).news == {REFERENCE.ref: REFERENCE.resource}
    assert told.hear(OTHER).news == {OTHER.ref: OTHER.resource}, "there was no session to keep"


def test_of_a_peer_that_is_held_back_the_newest_edit_counts(in_force):
    in_force.hear(REFERENCE, OTHER)
    assert in_force.assembly.secrets == {"other"}
    assert in_force.hear(the_secret("a")).news == {}
    assert in_force.hear(OTHER_SECRET).news == {OTHER.ref: OTHER.resource}


def test_an_edit_that_needs_no_secret_is_told_at_once(in_force):
    inline = peer(Secret.INLINE, text="c")
    assert in_force.hear(REFERENCE, inline).news == {inline.ref: inline.resource}
    assert in_force.hear(the_secret("a")).news == {}
    assert in_force.assembly.passwords() == {"tor": "c"}


def test_an_edit_back_to_what_is_in_force_changes_nothing(in_force):
    in_force.hear(REFERENCE, gone(the_secret().ref), peer())
    assert in_force.news == {}
    assert wrong_in(in_force) == []
    assert in_force.assembly.secrets == set()


def test_a_peer_that_is_deleted_while_it_is_held_back_is_gone(in_force):
    assert in_force.hear(REFERENCE, gone(REFERENCE.ref)).news == {REFERENCE.ref: None}
    assert in_force.hear(the_secret("a")).news == {}
    assert in_force.assembly.secrets == set()


def test_a_broken_edit_drops_what_was_held_back(in_force):
    in_force.hear(REFERENCE, broken(REFERENCE.ref), the_secret("a"))
    assert in_force.news == {}
    assert wrong_in(in_force) == [("tor", "")]


def test_who_reads_no_secrets_holds_nothing_back():
    told = Told(reads_secrets=False)
    told.hear(peer())
    assert told.news
    assert told.hear(REFERENCE).news == {REFERENCE.ref: REFERENCE.resource}


@pytest.fixture
def left_out(told):
    """All has been told, but a peer without its password, which may have been in force before."""
    told.hear(REFERENCE, gone(the_secret().ref))
    assert wrong_in(told) == [("tor", "spec.passwordSecret")]
    assert told.assembly.resources() == []
    return told


def test_a_peer_that_may_have_been_in_force_before_is_told_with_its_password(left_out):
    assert left_out.assembly.troubled == {"tor"}
    assert left_out.assembly.secrets == {"bgp"}
    assert left_out.hear(the_secret("a")).news == {REFERENCE.ref: REFERENCE.resource}
    assert left_out.assembly.passwords() == {"tor": "a"}
    assert left_out.assembly.troubled == set()


def test_a_peer_that_may_have_been_in_force_before_is_gone_when_it_is_deleted(left_out):
    assert left_out.hear(gone(REFERENCE.ref)).news == {REFERENCE.ref: None}


def test_a_list_without_a_peer_that_is_held_back_says_that_it_is_gone(left_out):
    assert left_out.replace("BGPPeer").news == {REFERENCE.ref: None}
    assert wrong_in(left_out) == []


def test_a_peer_that_may_have_been_in_force_before_still_waits_after_an_edit(left_out):
    assert left_out.hear(OTHER).news == {}
    assert left_out.hear(peer()).news == {REFERENCE.ref: peer().resource}


def test_only_what_a_problem_names_is_left_out(told):
    told.hear(REFERENCE)
    assert told.assembly.problems() == ()
    assert told.assembly.resources() == [REFERENCE.resource]


def test_a_mended_peer_is_never_left_out_without_a_problem(told):
    told.hear(broken(REFERENCE.ref), REFERENCE)
    assert told.assembly.problems() == ()
    assert told.assembly.resources() == [REFERENCE.resource]


# --- all at once -------------------------------------------------------------------------------


def test_all_there_is_can_be_told_at_once(told):
    pool = Item(Ref("IPAddressPool", "", "p"), resource=Pool("p", addresses=("192.0.2.0/24",)))
    told.hear(web(), a_slice("n1"), pool)
    assert told.assembly.resources() == [web().resource, a_slice("n1").resource, pool.resource]
    assert not told.assembly.untold
