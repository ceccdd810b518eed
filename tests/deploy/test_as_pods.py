"""Each component runs as its container would, and asks for nothing that its role does not give.

The rendered arguments, variables, user, capabilities, settings and mounts are used; the API server
is that of the tests, behind TLS and a service account.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from deploy.rendering import NAMESPACE, ROOT, base, named, pod, written
from deploy.test_rbac import rules

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces needs root"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed"),
]
HERE = Path(__file__).parent
FIELDS = {
    "metadata.name": "proclaim-x",
    "metadata.namespace": NAMESPACE,
    "metadata.uid": "0b1c",
    "spec.nodeName": "n1",
}
LAST = {
    "controller": ["patch", "ipaddresspools/status"],
    "node": ["patch", "servicel2statuses/status"],
}
"""What a component writes when all is well and it has nothing more to do before."""


def environment(container):
    return {
        each["name"]: each.get("value") or FIELDS[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in container["env"]
    }


def ran(component, folder):
    """What came of a component that ran until it had written what it should."""
    specification = pod(base(), component)
    (container,) = specification["containers"]
    variables = environment(container)
    (folder / "tls").mkdir()
    files = written(base(), component, folder / "settings")
    arguments = [
        str(files)
        if each == "/etc/proclaim"
        else each.replace("$(PROCLAIM_NODE)", variables["PROCLAIM_NODE"])
        for each in container["args"]
    ]
    context = {**specification["securityContext"], **container["securityContext"]}
    described = {
        "arguments": arguments,
        "capabilities": context["capabilities"].get("add", []),
        "environment": variables,
        "folder": str(folder / "tls"),
        "last": LAST[component],
        "objects": str(HERE / "objects.yaml"),
        "program": str(Path(sys.executable).with_name("proclaim")),
        "token": "not-a-secret",
        "user": context["runAsUser"],
    }
    (folder / "described.json").write_text(json.dumps(described), encoding="utf-8")
    command = ["unshare", "--net", "--mount", "--fork", "--kill-child", sys.executable]
    ended = subprocess.run(
        [*command, str(HERE / "inside.py"), str(folder / "described.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(params=["controller", "node"])
def component(request):
    return request.param


@pytest.fixture
def folder():
    """A directory that another user can look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="proclaim-") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_a_component_lives_in_its_pod_and_keeps_to_its_role(component, folder):
    found = ran(component, folder)
    assert found["ready"], found["log"]
    assert found["alive"]
    assert found["metrics"]
    assert found["written"], found["requests"]
    assert found["ended"] == 0
    assert "ERROR" not in found["log"]
    name = f"proclaim-{component}"
    given = {
        (resource, verb)
        for kind in ("ClusterRole", "Role")
        for _, resource, verb, _ in rules(named(base(), kind, name))
    }
    asked = {
        (resource, verb)
        for agent, verb, resource, _ in found["requests"]
        if agent.startswith("proclaim")
    }
    assert asked - given == set()
    assert ("services", "watch") in asked
