"""What `kubectl kustomize` and `helm template` make of deploy/, as objects."""

import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/proclaim"
OVERLAYS = sorted(path.name for path in (DEPLOY / "kustomize/overlays").iterdir())
COMPONENTS = sorted(path.name for path in (DEPLOY / "kustomize/components").iterdir())
NAMESPACE = "metallb-system"


def program(name):
    """Where a program is; the test is skipped where there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is missing: run scripts/install-render-tools")
    return found


def run(*command, check=True):
    """What a command prints; one that is refused is returned to whoever asked for it."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert not check or ended.returncode == 0, f"{command}: {ended.stderr}"
    return ended


class _Loader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice, as strict readers of what is rendered do."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"line {node.start_mark.line + 1}: twice: {twice}"
        return super().construct_mapping(node, deep)


def objects(text):
    return [each for each in yaml.load_all(text, _Loader) if each]


def kustomized(path):
    """The objects of a folder with a kustomization."""
    return objects(run(program("kubectl"), "kustomize", str(path)).stdout)


@lru_cache
def base():
    return tuple(kustomized(DEPLOY / "kustomize/base"))


@lru_cache
def overlay(name):
    return tuple(kustomized(DEPLOY / "kustomize/overlays" / name))


def composed(folder, *components, files=None):
    """The base with components, as an overlay in somebody's own directory has them.

    `files` are settings of their own: texts by component and name, as in `node/mine.toml`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kustomize = Path("../" * len(folder.resolve().parts[1:])) / str(DEPLOY / "kustomize")[1:]
    resources = ["base"] if "conversion" not in components else ["base", "../crds"]
    described = {
        "resources": [str(kustomize / each) for each in resources],
        "components": [str(kustomize / "components" / each) for each in components],
        "configMapGenerator": [_merging(path) for path in files or ()],
    }
    for path, text in (files or {}).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return kustomized(folder)


def _merging(path):
    """What an overlay says to add a settings file to a component's, as the page shows it."""
    component = path.partition("/")[0]
    name = f"proclaim-{component}-settings"
    return {"name": name, "namespace": NAMESPACE, "behavior": "merge", "files": [path]}


def template(*arguments, check=True):
    """`helm template` of the chart as the release `proclaim`."""
    command = [program("helm"), "template", "proclaim", str(CHART), "--namespace", NAMESPACE]
    return run(*command, *arguments, check=check)


@lru_cache
def chart(*values):
    """The objects of the chart with values as `--set` takes them."""
    sets = [each for value in values for each in ("--set", value)]
    return tuple(objects(template(*sets).stdout))


def named(rendered, kind, name):
    (found,) = [
        each
        for each in rendered
        if each["kind"] == kind
        and (each["metadata"]["name"] == name or each["metadata"]["name"].startswith(f"{name}-"))
    ]
    return found


def of_kind(rendered, kind):
    return [each for each in rendered if each["kind"] == kind]


def pod(rendered, component):
    """The pod specification of a component."""
    kind = {"controller": "Deployment", "node": "DaemonSet"}[component]
    return named(rendered, kind, f"proclaim-{component}")["spec"]["template"]["spec"]


def settings(rendered, component):
    """The texts of a component's settings files, by their names."""
    return named(rendered, "ConfigMap", f"proclaim-{component}-settings")["data"]


def written(rendered, component, folder):
    """A new directory with the settings files of a component, as its pod mounts them."""
    folder.mkdir()
    for name, text in settings(rendered, component).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


EVERYTHING = (
    "webhook.enabled=true",
    "networkpolicies.enabled=true",
    "networkpolicies.defaultDeny=true",
    "prometheus.podMonitor.enabled=true",
    "prometheus.scrapeAnnotations=true",
    "controller.replicas=3",
    "loadBalancerClass=example.net/proclaim",
    "node.bgp.listen={0.0.0.0:179}",
    "node.ignoreExcludeLB=true",
    "node.excludeInterfaces.enabled=false",
    "node.passwordSecrets={bgp-a,bgp-b}",
    "node.seLinuxOptions.type=spc_t",
)
"""Values that turn on all there is."""
