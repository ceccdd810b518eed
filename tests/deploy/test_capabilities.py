"""The capabilities of the pods are those that the kernel asks for: none lacks, none idles."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from deploy.rendering import base, composed, pod, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="giving capabilities up needs root"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed"),
]
SOCKETS = Path(__file__).with_name("sockets.py")


def refused(capabilities, user):
    """What the kernel refuses to a process, in a network of its own, as a container has it."""
    given = ["-all", *(f"+{name.lower()}" for name in capabilities)]
    alone = ["unshare", "--net", "setpriv", "--no-new-privs", "--bounding-set", ",".join(given)]
    alone += ["--inh-caps", "-all", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    said = json.loads(run(*alone, sys.executable, str(SOCKETS)).stdout)
    return {name for name, problem in said.items() if problem}


def capabilities(rendered):
    (container,) = pod(rendered, "node")["containers"]
    context = container["securityContext"]
    return context["capabilities"]["add"], context["runAsUser"]


def test_a_node_can_do_all_but_listen_at_low_ports():
    assert refused(*capabilities(base())) == {"a low port"}


def test_a_node_that_listens_can_do_everything(tmp_path):
    assert refused(*capabilities(composed(tmp_path, "bgp-listen"))) == set()


def test_without_its_capability_a_node_could_not_answer_on_the_local_network():
    assert refused([], 0) == {"ARP", "Neighbor Discovery", "a low port"}


def test_another_user_would_not_have_the_capability():
    """Why the node's container runs as root."""
    given, _ = capabilities(base())
    assert refused(given, 65534) >= {"ARP", "Neighbor Discovery"}
