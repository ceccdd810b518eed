"""Running `proclaim` in this process, and manifests to run it on."""

import sys
from io import BytesIO, StringIO, TextIOWrapper
from typing import NamedTuple

import pytest
from proclaim.decide import decide
from proclaim.ledger import record_now
from proclaim_cli.main import main
from proclaim_cli.opening import opened, settings_of, state_at

POOL = """
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: public, namespace: metallb-system}
spec: {addresses: [192.0.2.0/30, "2001:db8::/64"]}
"""
ADVERTISED = """
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: everything, namespace: metallb-system}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor, namespace: metallb-system}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 203.0.113.1}
"""
ANSWERED = """
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: everything, namespace: metallb-system}
"""


def service(name, asks="", namespace="default"):
    """A Service of type LoadBalancer, perhaps with an address that it asks for."""
    annotations = f", annotations: {{metallb.io/loadBalancerIPs: {asks}}}" if asks else ""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}{annotations}}}
spec: {{type: LoadBalancer, ports: [{{port: 80}}]}}
"""


class Ran(NamedTuple):
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


class CommandLine:
    """`proclaim` beside one ledger and one directory of manifests."""

    def __init__(self, folder, patch):
        self._patch = patch
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self.ledger = f"sqlite://{folder}/ledger.db"

    def write(self, name, *documents):
        """Put documents into a file of the directory."""
        (self.manifests / name).write_text("---\n".join(documents), encoding="utf-8")

    def __call__(self, *arguments, stdin=b""):
        out, err = StringIO(), StringIO()
        with self._patch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
            patch.setenv("PROCLAIM_LEDGER", self.ledger)
            patch.setenv("PROCLAIM_NODE", "")
            status = main([str(each) for each in arguments])
        return Ran(status, out.getvalue(), err.getvalue())

    def apply(self, *documents):
        """Record documents, as the only ones."""
        self.write("all.yaml", *documents)
        return self("apply", self.manifests)

    def record(self, observation):
        """Record one observation, as a process does while it runs."""
        with opened(settings_of(None, self.ledger), read_only=False) as found:
            state = state_at(found, None)
            record_now(found.log, found.codec, state, decide(state, observation, 0.0), 0.0)


@pytest.fixture
def proclaim(tmp_path, monkeypatch):
    """`proclaim` in this process, with a ledger of its own."""
    return CommandLine(tmp_path, monkeypatch)
