"""What the server shows of the objects that are written, and what changed of it."""

from __future__ import annotations

import proclaim_k8s_source.watch.seen as seen_module
import pytest
import trio
from proclaim import Ref
from proclaim_k8s_source.shown import ShownService
from proclaim_k8s_source.watch.seen import Seen
from proclaim_k8s_source.watch.translate import Item, ShownStatus

WEB = Ref("Service", "shop", "web")


def service(version="1", name="web"):
    shown = ShownService([{"ip": "192.0.2.1"}], "p", None, version)
    return Item(Ref("Service", "shop", name), uid=f"uid-{name}", shown=shown)


def status(name="l2-1", node="n1", version="1", kind="ServiceL2Status", owner="pod"):
    labels = (
        ("metallb.io/node", node),
        ("metallb.io/service-name", "web"),
        ("metallb.io/service-namespace", "shop"),
    )
    return Item(Ref(kind, "", name), shown=ShownStatus(name, labels, version, owner, b'{"a":1}'))


def pool(version="1"):
    ref = Ref("IPAddressPool", "", "p")
    return Item(ref, shown=ShownStatus("p", (), version, "", b""))


async def test_a_service_is_shown_with_its_uid():
    seen = Seen()
    seen.change(service())
    assert seen.service(WEB).pool == "p"
    assert seen.uid(WEB) == "uid-web"


async def test_what_is_gone_is_not_shown():
    seen = Seen()
    for item in (service(), status(), pool()):
        seen.change(item)
        seen.change(Item(item.ref, gone=True))
    assert seen.service(WEB) is None
    assert seen.uid(WEB) == ""
    assert seen.of_service("ServiceL2Status", WEB) == []
    assert list(seen.services_of("ServiceL2Status", "n1")) == []
    assert seen.object("IPAddressPool", "p") is None


@pytest.mark.parametrize("status", [b'"text"', b"5", b"[1]", b"true", b"null"])
async def test_a_status_that_is_no_object_is_none(status):
    seen = Seen()
    ref = Ref("IPAddressPool", "", "p")
    seen.change(Item(ref, shown=ShownStatus("p", (), "1", "", status)))
    assert seen.object("IPAddressPool", "p").status is None


async def test_the_statuses_of_a_service_and_those_of_a_node_are_found():
    seen = Seen()
    seen.change(status("l2-2", "n2"))
    seen.change(status("l2-1", "n1"))
    found = seen.of_service("ServiceL2Status", WEB)
    assert [(each.name, each.node, each.owner, each.status) for each in found] == [
        ("l2-1", "n1", "pod", {"a": 1}),
        ("l2-2", "n2", "pod", {"a": 1}),
    ]
    assert list(seen.services_of("ServiceL2Status", "n2")) == [WEB]
    assert list(seen.services_of("ServiceBGPStatus", "n2")) == []


async def test_a_node_keeps_a_service_while_one_of_two_statuses_is_left():
    seen = Seen()
    seen.change(status("l2-1"))
    seen.change(status("l2-2"))
    seen.change(Item(Ref("ServiceL2Status", "", "l2-1"), gone=True))
    assert list(seen.services_of("ServiceL2Status", "n1")) == [WEB]
    assert [each.name for each in seen.of_service("ServiceL2Status", WEB)] == ["l2-2"]


async def test_a_status_that_moved_to_another_node_is_found_there():
    seen = Seen()
    seen.change(status(node="n1"))
    seen.change(status(node="n2", version="2"))
    assert list(seen.services_of("ServiceL2Status", "n1")) == []
    assert list(seen.services_of("ServiceL2Status", "n2")) == [WEB]


async def test_only_what_changed_since_is_named_and_each_once():
    seen = Seen()
    seen.change(service(name="a"))
    version, _ = await seen.changed(0)
    seen.change(service(name="b"))
    seen.change(status())
    seen.change(service("2", name="b"))
    later, refs = await seen.changed(version)
    assert sorted(refs) == [Ref("Service", "shop", "b"), WEB._replace(kind="ServiceL2Status")]
    assert later > version


async def test_the_same_version_again_is_no_change():
    seen = Seen()
    seen.change(service())
    version, _ = await seen.changed(0)
    seen.change(service())
    with trio.move_on_after(0) as scope:
        await seen.changed(version)
    assert scope.cancelled_caught


async def test_waiting_ends_with_the_next_change(autojump_clock):
    seen = Seen()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def change():
            await trio.sleep(5)
            seen.change(pool())

        _, refs = await seen.changed(0)
    assert list(refs) == [Ref("IPAddressPool", "", "p")]
    assert trio.current_time() == pytest.approx(5)


async def test_whoever_has_been_away_for_long_has_to_look_at_everything(monkeypatch):
    monkeypatch.setattr(seen_module, "REMEMBERED", 10)
    seen = Seen()
    for at in range(20):
        seen.change(service(name=f"s{at}"))
    version, refs = await seen.changed(5)
    assert refs is None
    _, refs = await seen.changed(version - 3)
    assert len(list(refs)) == 3


async def test_a_kind_counts_as_listed_until_the_source_begins_anew(autojump_clock):
    seen = Seen()
    assert not seen.listed("Service")
    seen.complete("Service")
    await seen.wait_listed("Service")
    seen.begin()
    assert not seen.listed("Service")
