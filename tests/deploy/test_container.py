"""The Containerfile: it takes what is there, all of it, and its steps make a program that runs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from deploy.rendering import DEPLOY, ROOT

FILE = DEPLOY / "container/Containerfile"
IGNORED = DEPLOY / "container/.containerignore"


def instructions():
    """Each instruction with its arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = text.replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def arguments(name):
    return [rest for each, rest in instructions() if each == name]


def copied():
    """What is copied from the tree, not from another stage."""
    found = [shlex.split(each) for each in arguments("COPY")]
    return [parts for parts in found if not parts[0].startswith("--from")]


def members():
    line = re.search(r"^MEMBERS := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return line[1].split()


def test_the_instructions_are_known_and_in_order():
    names = [name for name, _ in instructions()]
    assert names[:2] == ["ARG", "FROM"]
    known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "LABEL", "RUN", "STOPSIGNAL"}
    assert set(names) <= {*known, "USER", "WORKDIR"}
    assert names.count("FROM") == 2
    assert "RUN" not in names[names.index("FROM", 2) :], "the last stage only copies"


def test_every_source_is_there_and_not_ignored():
    kept = {line[1:] for line in IGNORED.read_text("utf-8").split() if line.startswith("!")}
    for *sources, _ in copied():
        for source in sources:
            assert (ROOT / source).exists()
            assert source.partition("/")[0] in kept


def test_every_member_is_copied_and_installed():
    (install,) = arguments("RUN")
    assert sorted(re.findall(r"\./(\S+)", install)) == sorted(members())
    sources = {source for *sources, _ in copied() for source in sources}
    assert all(member in sources or member.partition("/")[0] in sources for member in members())


def test_the_image_is_of_the_oldest_python_that_is_supported():
    (image,) = re.findall(r"PYTHON=python:([\d.]+)-slim", FILE.read_text("utf-8"))
    for member in members():
        project = tomllib.loads((ROOT / member / "pyproject.toml").read_text("utf-8"))["project"]
        assert project["requires-python"] == f">={image}"


def test_it_runs_as_nobody_and_ends_on_sigterm():
    assert arguments("USER") == ["65534:65534"]
    assert arguments("STOPSIGNAL") == ["SIGTERM"]
    assert arguments("ENTRYPOINT") == ['["/opt/proclaim/bin/proclaim"]']


@pytest.mark.slow
def test_the_steps_make_a_program_that_runs(tmp_path):
    """The build stage without an engine: the copies, and then its RUN, in other directories."""
    source, target = tmp_path / "src", tmp_path / "opt/proclaim"
    trash = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")
    for folder in ("core", "plugins", "cli"):
        shutil.copytree(ROOT / folder, source / folder, ignore=trash)
    (step,) = arguments("RUN")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-ec", step.replace("/opt/proclaim", str(target))],
        cwd=source,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
    said = subprocess.run(
        [target / "bin/proclaim", "plugins"], capture_output=True, text=True, check=True, env={}
    ).stdout
    for member in members():
        project = tomllib.loads((ROOT / member / "pyproject.toml").read_text("utf-8"))["project"]
        assert project["name"] in said or member == "cli"
    assert not (target / "bin/pip").exists()
