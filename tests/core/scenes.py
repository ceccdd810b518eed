"""A small world in which all is well, and what is said of it when something is added."""

from typing import NamedTuple

from proclaim.decide import decide
from proclaim.findings import examine
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Listing,
    Pool,
    Selector,
    Service,
    ServiceAllocation,
    Sourced,
)
from proclaim.state import State

FILE = "a.yaml"
POOL = Pool("public", addresses=("192.0.2.0/29",), labels=(("zone", "dmz"),))
BGP = BGPAdvertisement("bgp")
TOR = BGPPeer("tor", 64512, 64513, peer_address="203.0.113.1")


def web(name="web", namespace="default", **more):
    """A Service of type LoadBalancer."""
    return Service(namespace, name, type="LoadBalancer", **more)


def asking(name="web", **annotations):
    """A Service with annotations under `metallb.io/`."""
    given = tuple(sorted((f"metallb.io/{key}", value) for key, value in annotations.items()))
    return web(name, annotations=given)


def labelled(**labels):
    """A selector of these labels."""
    return Selector(labels=tuple(sorted(labels.items())))


def ad(name="bgp", **more):
    """A BGPAdvertisement, the ground's if no name is given."""
    return BGPAdvertisement(name, **more)


def peer(name="tor", **more):
    """A BGPPeer, the ground's if no name is given."""
    return BGPPeer(name, 64512, 64513, peer_address="203.0.113.1", **more)


def pool(name="public", addresses=("192.0.2.0/29",), **allocation):
    """A pool with a serviceAllocation."""
    return Pool(name, addresses=addresses, service_allocation=ServiceAllocation(**allocation))


class Scene(NamedTuple):
    """A story, what there is, and all that is said of it."""

    story: str
    resources: list
    said: tuple = ()


def said_in(scene):
    """All that is said of a scene, sorted."""
    return sorted(told(*scene.resources))


GROUND = (POOL, BGP, TOR, web())


def state_of(*resources, problems=(), authority=Authority.ALLOCATE):
    """The state in which resources are all that there is."""
    sourced = tuple(Sourced(each, FILE) for each in resources)
    state = State()
    for observation in (Listing("files", sourced, problems=problems), Authorized(authority)):
        state = decide(state, observation).state
    return state


def amid(*resources, without=()):
    """The ground with some resources added, or put in the place of those of their name."""
    by_ref = {each.ref: each for each in (*GROUND, *resources)}
    return [each for each in by_ref.values() if each not in without]


def told(*resources, **more):
    """What is said of resources, each as `Code Kind/name field: sentence`."""
    return [said(each) for each in examine(state_of(*resources, **more))]


def said(found):
    """A finding without its file and line."""
    place = " ".join(part for part in (str(found.ref), found.field) if part)
    return f"{found.code} {place}: {found.sentence}"
