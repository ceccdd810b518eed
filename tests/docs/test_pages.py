"""The pages say what is: links lead somewhere, and nothing that exists goes unmentioned."""

import inspect
import re
from pathlib import Path

import pytest
from proclaim import SettingsError, SystemHost
from proclaim.decide import decide
from proclaim.events import Why
from proclaim.findings import RULES
from proclaim.hookspecs import Proclaim
from proclaim.model import Authority, Authorized, Listing, Pool, Service, Sourced
from proclaim.plugins import installed
from proclaim.reasons import RULES as RULES_OF_REASONS
from proclaim.settings import Settings, read_settings
from proclaim.state import State
from proclaim_cli.catalogue import application

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = HEADING.findall(FENCED.sub("", read(page)))
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", read(page))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(found), f"{target}: there is no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in LINK.findall(FENCED.sub("", read(page))):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.is_dir():
                waiting.extend(path.glob("README.md"))
            elif path.suffix == ".md":
                waiting.append(path)
    assert {page for page in PAGES if page.is_relative_to(DOCS)} <= reached


def hooks() -> dict[str, str]:
    """Each hook with its arguments as the specification has them."""
    return {
        name: ", ".join(list(inspect.signature(hook).parameters)[1:])
        for name, hook in inspect.getmembers(Proclaim, inspect.isfunction)
        if name.startswith("proclaim_")
    }


@pytest.mark.parametrize(("name", "arguments"), hooks().items())
def test_every_hook_has_a_heading_with_its_arguments(name: str, arguments: str) -> None:
    assert f"\n## {name}({arguments})\n" in read(DOCS / "reference/hooks.md")


def test_every_module_of_the_core_has_its_place_in_the_architecture() -> None:
    page = read(DOCS / "explanation/architecture.md")
    rooms = page.partition("## The rooms")[2].partition("\n## ")[0]
    words = set(re.findall(r"\w+", rooms))
    modules = {path.stem for path in (ROOT / "core/proclaim").glob("[!_]*")} - {"py"}
    assert modules <= words, f"not mentioned: {sorted(modules - words)}"


def accepted(error: str) -> list[str]:
    _, _, listed = error.removesuffix(" and tables").partition("accepted")
    return re.findall(r"[a-z_0-9]+", listed.removeprefix(" are"))


def test_every_key_of_the_settings_file_is_in_the_reference(tmp_path: Path) -> None:
    page = read(DOCS / "reference/settings.md")
    file = tmp_path / "settings.toml"
    file.write_text("nonsense = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        read_settings(str(file))
    keys = accepted(error.value.message)
    assert keys
    assert [key for key in keys if f"`{key}`" not in page] == []


@pytest.mark.parametrize("table", ["bgp", "file_source", "l2_arp", "l2_arp.heartbeat", "metrics"])
def test_every_key_of_a_plugin_is_in_the_reference(table: str) -> None:
    page = read(DOCS / "reference/settings.md")
    name, _, inner = table.partition(".")
    nonsense = {"nonsense": 1}
    settings = Settings(sections={name: {inner: nonsense} if inner else nonsense})
    plugins, host = installed(), SystemHost("n1")
    offers = (plugins.sources, plugins.announcers, plugins.reporters)
    with pytest.raises(SettingsError) as error:
        [list(offered(settings, host)) for offered in offers]
    keys = accepted(error.value.message)
    assert keys
    section = page.partition(f"`[{table}]`")[2].partition("\n## ")[0]
    assert [key for key in keys if f"`{key}`" not in section and f".{key}]`" not in page] == []


DECISIONS = sorted((DOCS / "explanation/adr").glob("0*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_fits_on_a_page_of_the_usual_shape(page: Path) -> None:
    text = read(page)
    number = int(page.name[:4])
    assert text.startswith(f"# {number}. ")
    headings = [each for each in HEADING.findall(text) if not each[0].isdigit()]
    usual = ["Context", "Decision", "Consequences", "Would change our mind", "Seen in"]
    assert headings == usual
    assert len(text.splitlines()) <= 45
    assert page.name in read(page.with_name("README.md"))


def held(*listings: tuple[str, ...]) -> dict[str, str]:
    """The addresses after listings of Services, one after the other."""
    pool = Sourced(Pool("p", addresses=("192.0.2.0/31",)))
    state = decide(State(), Authorized(Authority.ALLOCATE), 0.0).state
    for names in listings:
        services = [Sourced(Service("default", name, type="LoadBalancer")) for name in names]
        state = decide(state, Listing("files", (pool, *services)), 0.0).state
    return {ref.name: holding.addresses[0] for ref, holding in state.holdings.items()}


def test_two_histories_give_what_the_page_about_several_ledgers_says() -> None:
    assert held(("web",), ("api",), ("api", "web")) == {"api": "192.0.2.1", "web": "192.0.2.0"}
    assert held(("api", "web")) == {"api": "192.0.2.0", "web": "192.0.2.1"}
    assert held(("web",), ("zoo",), ("zoo", "web")) == {"zoo": "192.0.2.1", "web": "192.0.2.0"}
    assert held(("zoo", "web")) == {"zoo": "192.0.2.1", "web": "192.0.2.0"}


ROW = re.compile(r"^\| ([A-Za-z]+) \| (problem|warning) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_rule_is_in_the_table_of_checks_as_the_code_has_it_and_no_other() -> None:
    rows = ROW.findall(read(DOCS / "reference/checks.md"))
    assert rows == [(code, rule.severity, rule.what, rule.remedy) for code, rule in RULES.items()]


REASON = re.compile(r"^\| ([A-Za-z]+) \| (?:`([^`|]+)` )?\| (.+) \|$", re.MULTILINE)


def test_every_reason_is_in_the_page_about_addresses_with_its_field_and_no_other() -> None:
    table = read(DOCS / "reference/allocation.md").partition("## Reasons")[2]
    rows = {code: field for code, field, _ in REASON.findall(table)}
    assert rows == {str(why): RULES_OF_REASONS.get(why, "") for why in Why}


BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"^(?:\$ )?(?:sudo )?(?:\.venv/bin/)?proclaim ([a-z0-9]+)", re.MULTILINE)


def commands() -> dict[str, list[str]]:
    """Each command with its options, as the command line has them."""
    group = application()
    found: dict[str, list[str]] = {}
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        parts = [command, *getattr(command, "commands", {}).values()]
        options = [each for part in parts for each in part.params if each.opts[0].startswith("-")]
        found[name] = sorted({text for each in options for text in each.opts if text[:2] == "--"})
    return found


@pytest.mark.parametrize(("name", "options"), commands().items())
def test_every_command_and_option_is_in_the_reference(name: str, options: list[str]) -> None:
    page = read(DOCS / "reference/cli.md")
    section = page.partition(f"\n## proclaim {name}\n")[2].partition("\n## ")[0]
    shared = page.partition("\n## What several commands share\n")[2].partition("\n## ")[0]
    assert section
    assert [each for each in options if each not in section and each not in shared] == []


def test_the_pages_call_no_command_that_does_not_exist() -> None:
    known = commands()
    for page in PAGES:
        for block in BLOCK.findall(read(page)):
            assert set(CALL.findall(block)) <= known.keys(), page
