"""What is missing is said once, asked for rarely, and taken up again: rights and resources."""

from __future__ import annotations

import logging

import pytest
import trio
from apiserver import objects
from apiserver.errors import ApiError
from apiserver.requests import refusal

SERVICES = 60


@pytest.fixture
async def scene(scene):
    for at in range(SERVICES):
        scene.serve(f"s{at}", "n1")
    return scene


def forbid(scene, verb, resource, subresource=""):
    """Take a right away from everybody."""
    taken = (verb, resource, subresource)

    def allowed(access):
        return (access.verb, access.resource, access.subresource) != taken

    scene.server.machinery.authorize = allowed


def forbid_all(scene):
    """Leave nobody any right."""
    scene.server.machinery.authorize = lambda access: False


def permit(scene):
    scene.server.machinery.authorize = lambda access: True


def said(caplog, word):
    return [
        each.getMessage()
        for each in caplog.records
        if each.levelno >= logging.WARNING and word in each.getMessage()
    ]


async def test_a_right_to_write_that_is_missing_is_said_once_and_tried_now_and_then(
    autojump_clock, scene, caplog
):
    caplog.set_level(logging.INFO)
    forbid(scene, "patch", "services", "status")
    await scene.controller()
    await trio.sleep(300)
    (complaint,) = said(caplog, "services/status")
    assert "cannot patch" in complaint
    assert 'in the namespace "default"' in complaint
    assert scene.server.requests()["patch", "services/status"] < 40
    permit(scene)
    assert await scene.until(lambda: scene.addresses(f"s{SERVICES - 1}"), 60) < 45
    assert all(scene.addresses(f"s{at}") for at in range(SERVICES))
    assert "Service in default can be written again" in caplog.text


async def test_where_the_right_is_given_in_one_namespace_its_services_are_written(
    autojump_clock, scene
):
    scene.server.create(objects.service("other", "elsewhere"))

    def allowed(access):
        return access.subresource != "status" or access.namespace == "elsewhere"

    scene.server.machinery.authorize = allowed
    await scene.controller()
    await scene.until(lambda: scene.addresses("other", "elsewhere"))
    assert not scene.addresses("s0")


async def test_a_right_that_is_taken_away_for_a_while_costs_no_route(autojump_clock, scene, caplog):
    await scene.controller()
    node = await scene.node("n1")
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES)
    kept = len(node.routes.history)
    for verb, resource, subresource in (
        ("list", "services", ""),
        ("watch", "services", ""),
        ("watch", "endpointslices", ""),
        ("list", "nodes", ""),
        ("watch", "ipaddresspools", ""),
        ("update", "leases", ""),
        ("get", "leases", ""),
        ("create", "events", ""),
        ("patch", "servicebgpstatuses", "status"),
    ):
        forbid(scene, verb, resource, subresource)
        scene.server.restart()
        await trio.sleep(120)
        permit(scene)
        await trio.sleep(60)
    assert len(node.routes.history) == kept
    scene.server.create(objects.service("late"))
    assert await scene.until(lambda: scene.addresses("late")) < 5


async def test_events_that_may_not_be_told_are_said_once(autojump_clock, scene, caplog):
    forbid(scene, "create", "events")
    await scene.controller()
    await scene.until(lambda: scene.addresses(f"s{SERVICES - 1}"))
    await trio.sleep(60)
    (complaint,) = said(caplog, "events")
    assert 'cannot create resource "events"' in complaint


async def test_kinds_that_are_not_served_are_asked_for_rarely(autojump_clock, scene, caplog):
    taken = scene.server.undefine("servicebgpstatuses", "configurationstates")
    await scene.controller()
    node = await scene.node("n1")
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES)
    before = scene.server.requests()
    await trio.sleep(300)
    asked = scene.server.requests() - before
    posts = {path: count for (verb, path), count in asked.items() if verb == "post"}
    assert sum(posts.values()) < 60, posts
    (complaint,) = said(caplog, "no ServiceBGPStatus can be written")
    assert "; apply deploy/crds/servicebgpstatuses.yaml" in complaint
    assert said(caplog, "; apply deploy/crds/configurationstates.yaml")
    scene.server.define(taken)
    await scene.until(lambda: len(scene.server.list("ServiceBGPStatus")) == SERVICES, 90)
    await scene.until(lambda: len(scene.server.list("ConfigurationState")) == 2, 90)


async def test_a_namespace_that_is_missing_is_not_taken_for_a_definition(
    autojump_clock, scene, caplog
):
    handle = scene.server.machinery.handle

    def gone(request):
        if request.method == "POST" and request.path.endswith("/configurationstates"):
            said = 'namespaces "metallb-system" not found'
            return refusal(ApiError(404, "NotFound", said))
        return handle(request)

    scene.server.machinery.handle = gone
    await scene.controller()
    await trio.sleep(10)
    (complaint,) = said(caplog, "no ConfigurationState can be written")
    assert 'namespaces "metallb-system" not found' in complaint
    assert "deploy/crds" not in complaint


async def test_definitions_that_are_deleted_and_made_again_are_followed(autojump_clock, scene):
    await scene.controller()
    node = await scene.node("n1")
    await scene.until(lambda: len(scene.server.list("ServiceBGPStatus")) == SERVICES)
    taken = scene.server.undefine("servicebgpstatuses", "bgppeers")
    await trio.sleep(300)
    scene.server.define(taken)
    scene.server.create(objects.bgp_peer("tor", "10.0.0.254"))
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES, 90)
    await scene.until(lambda: len(scene.server.list("ServiceBGPStatus")) == SERVICES, 90)
    assert all(scene.addresses(f"s{at}") for at in range(SERVICES))


async def test_what_refuses_one_object_alone_keeps_no_other_from_being_written(
    autojump_clock, scene
):
    handle = scene.server.machinery.handle

    def denied(request):
        if request.method == "PATCH" and "/services/s1/" in request.path:
            return _webhook_denial()
        return handle(request)

    scene.server.machinery.handle = denied
    await scene.controller()
    await scene.until(lambda: sum(bool(scene.addresses(f"s{at}")) for at in range(60)) == 59)
    assert not scene.addresses("s1")


def _webhook_denial():
    said = 'admission webhook "no.example.org" denied the request: it cannot be this one'
    return refusal(ApiError(403, "Forbidden", said))


async def test_a_secret_may_be_read_by_the_right_to_its_name_alone(autojump_clock, scene):
    scene.server.create(objects.secret("mine", "a password"))
    peer = objects.bgp_peer("locked", "10.0.0.253", passwordSecret={"name": "mine"})
    scene.server.create(peer)

    def allowed(access):
        return access.resource != "secrets" or access.name == "mine"

    scene.server.machinery.authorize = allowed
    node = await scene.node("n1")
    await scene.until(lambda: node.state.of_kind("BGPPeer"))

    def result():
        found = scene.server.get("ConfigurationState", "speaker-n1")
        return (found or {}).get("status", {}).get("result")

    await scene.until(lambda: result() == "Valid")
