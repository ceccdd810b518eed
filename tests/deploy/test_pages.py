"""The overlays that the pages show: each is rendered as it stands there, beside `deploy`."""

import re

import pytest
import yaml
from deploy.rendering import DEPLOY, ROOT, kustomized, of_kind, pod, settings

PAGES = ROOT / "docs/how-to"
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def shown(page):
    """The YAML of a page, block by block."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return [yaml.safe_load(found) for _, found in BLOCK.findall(text)]


def rendered(tmp_path, described, **files):
    """What an overlay of a page comes to, in a folder beside `deploy`."""
    (tmp_path / "deploy").symlink_to(DEPLOY)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    for name, text in files.items():
        (mine / f"{name}.toml").write_text(text, encoding="utf-8")
    return kustomized(mine)


def images(found):
    return {
        container["image"]
        for component in ("controller", "node")
        for container in pod(found, component)["containers"]
    }


@pytest.mark.slow
def test_the_overlay_for_a_new_cluster_renders(tmp_path):
    overlay, replicas = shown("deploy-on-kubernetes.md")
    found = rendered(tmp_path, {**overlay, **replicas}, more="[bgp]\nlisten = []\n")
    assert images(found) == {"registry.example.net/proclaim:0.1.0"}
    assert of_kind(found, "CustomResourceDefinition")
    assert settings(found, "node").keys() == {"heartbeat.toml", "more.toml", "node.toml"}
    (deployment,) = of_kind(found, "Deployment")
    assert deployment["spec"]["replicas"] == 2


@pytest.mark.slow
def test_the_overlay_for_taking_over_renders(tmp_path):
    overlay, classes = shown("replace-metallb.md")
    found = rendered(tmp_path, {**overlay, **classes}, **{"class": 'load_balancer_class = "c"\n'})
    assert images(found) == {"registry.example.net/proclaim:0.1.0"}
    assert not of_kind(found, "CustomResourceDefinition")
    assert settings(found, "node").keys() == {"class.toml", "node.toml"}
    assert settings(found, "controller").keys() == {"class.toml", "controller.toml"}
