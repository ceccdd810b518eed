"""The house rules that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ("core", "plugins", "cli")
ALL = (*LIBRARY, "tests", "benchmarks", "examples", "scripts")

LONGEST_FILE = 500
LONGEST_FUNCTION = 70
MOST_PARAMETERS = 5


def sources(*folders: str) -> list[Path]:
    """Every Python file below the folders, as paths from the root."""
    return sorted(
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if ".venv" not in path.parts
    )


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", sources(*ALL), ids=str)
def test_a_file_fits_in_the_head(path: Path) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{path} has {lines} lines; split it by what its parts know"


@pytest.mark.parametrize("path", sources(*ALL), ids=str)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = {
        node.name: lines
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long, f"{path}: longer than {LONGEST_FUNCTION} lines: {long}"


@pytest.mark.parametrize("path", sources(*LIBRARY), ids=str)
def test_a_function_takes_few_parameters(path: Path) -> None:
    many = {
        node.name: count
        for node in functions(path)
        if not is_command(node) and (count := parameters(node)) > MOST_PARAMETERS
    }
    assert not many, f"{path}: more than {MOST_PARAMETERS} parameters: {many}"


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Those that a caller passes: without self, and an injected trio task status."""
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls", "task_status")])


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A typer command's parameters are its options, and nobody calls it."""
    return any("command" in ast.unparse(each) for each in node.decorator_list)


@pytest.mark.parametrize("path", sources(*LIBRARY), ids=str)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(parse(path)), f"{path} has no docstring"


@pytest.mark.parametrize("path", sources(*LIBRARY), ids=str)
def test_library_code_never_prints(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not calls, f"{path} prints in line {calls}; stdout belongs to the views of the cli"


@pytest.mark.parametrize("path", sources(*ALL), ids=str)
def test_nothing_is_left_for_later(path: Path) -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not [word for word in words if word in text], f"{path}: finish it, or open an issue"


def test_test_names_do_not_collide_within_a_file() -> None:
    """A second test of the same name silently replaces the first."""
    for path in sources("tests"):
        names = [
            node.name
            for node in parse(path).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"{path}: {twice}"
