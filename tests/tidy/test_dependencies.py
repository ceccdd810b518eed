"""Every distribution names what it imports, and nothing else; the root names what tests import."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from tidy.test_code import LIBRARY, ROOT, parse, sources

MEMBERS = sorted(
    path.parent.relative_to(ROOT)
    for folder in LIBRARY
    for path in (ROOT / folder).rglob("pyproject.toml")
)


@cache
def known() -> dict[str, set[str]]:
    """The distributions that are installed here, by the packages that they bring."""
    return {
        package: {name.lower().replace("_", "-") for name in found}
        for package, found in packages_distributions().items()
    }


def imports(node: ast.AST) -> Iterator[str]:
    """The packages that are imported when the code runs, and not only for a type checker."""
    for each in ast.iter_child_nodes(node):
        match each:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case _:
                yield from imports(each)


def imported(folder: Path) -> set[str]:
    """The distributions that the code below a folder imports."""
    packages = {package for path in sources(str(folder)) for package in imports(parse(path))}
    return {name for package in packages for name in known().get(package, ())}


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", each)[0].rstrip(".").lower() for each in requirements}


OURS = {project(member)["project"]["name"] for member in MEMBERS}


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_a_distribution_depends_on_what_it_imports(member: Path) -> None:
    needs = names(project(member)["project"]["dependencies"])
    assert needs - OURS == imported(member) - OURS


@pytest.mark.slow
def test_what_tests_import_is_named_by_a_distribution_or_for_development() -> None:
    there = names(project(Path())["dependency-groups"]["dev"])
    for member in MEMBERS:
        there |= names(project(member)["project"]["dependencies"])
    assert imported(Path("tests")) - OURS <= there
