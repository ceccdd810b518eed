"""MetalLB in the same namespace is found, whatever installed it."""

from __future__ import annotations

import msgspec
import pytest
from apiserver import ApiServer
from proclaim_k8s_source.watch.beside import Pod, hint, look_beside, runs_beside

NAMESPACE = "metallb-system"


def pod(name, phase="Running", deleted=None, **labels):
    metadata = {
        "name": name,
        "labels": {key.replace("__", "/"): each for key, each in labels.items()},
    }
    if deleted:
        metadata["deletionTimestamp"] = deleted
    return msgspec.convert({"metadata": metadata, "status": {"phase": phase}}, Pod)


def test_nothing_runs():
    assert runs_beside([], NAMESPACE) is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_does_not_run(phase):
    assert runs_beside([pod("controller-1", phase, component="controller")], NAMESPACE) is None


def test_a_pod_that_is_being_deleted_does_not_count():
    assert runs_beside([pod("speaker-1", deleted="2026-01-01T00:00:00Z")], NAMESPACE) is None


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown"])
def test_a_pod_that_may_come_up_counts(phase):
    assert "controller-1" in runs_beside([pod("controller-1", phase)], NAMESPACE).sentence


def test_components_and_pods_are_named():
    pods = [
        pod("controller-1", component="controller"),
        *(pod(f"speaker-{at}", component="speaker") for at in range(5)),
    ]
    assert runs_beside(pods, NAMESPACE).sentence == (
        "MetalLB runs in the namespace metallb-system as well (controller: controller-1; "
        "speaker: speaker-0, speaker-1, speaker-2 and 2 more), "
        "and would give and announce the same addresses"
    )


@pytest.mark.parametrize(
    ("labels", "announces"),
    [
        ({"component": "controller"}, False),
        ({"app__kubernetes__io/component": "speaker"}, True),
        ({"component": "frr-k8s"}, True),
        ({}, True),
    ],
)
def test_all_but_its_controller_may_announce(labels, announces):
    assert runs_beside([pod("one", **labels)], NAMESPACE).announces is announces


def test_the_hint_says_how_to_stop_it_and_how_to_allow_it():
    assert "scale deployment controller --replicas=0" in hint(NAMESPACE)
    assert 'beside_metallb = "allow"' in hint(NAMESPACE)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"app": "metallb", "component": "speaker"}, True),
        (
            {
                "app.kubernetes.io/name": "metallb",
                "app.kubernetes.io/component": "speaker",
            },
            True,
        ),
        ({"app.kubernetes.io/name": "proclaim"}, False),
    ],
)
async def test_it_is_found_by_the_labels_of_its_manifests_and_of_its_chart(labels, found):
    server = ApiServer()
    server.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one", "namespace": NAMESPACE, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
    )
    said = await look_beside(server.connect(), NAMESPACE)
    assert (said is not None) is found
    if said:
        assert "speaker: one" in said.sentence
