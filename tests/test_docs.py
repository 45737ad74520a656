"""The documents: links lead somewhere, configurations in them are good, commands in them exist, the examples are."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from aiofrp.cli import aiofrp, frpc, frps
from aiofrp.config.flags.parse import parse
from aiofrp.config.tools.reference import reference
from aiofrp.server.api.metrics import Metrics
from tests.support.documents import DOCS, PAGES, ROOT, Block, name_of, page, script

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
#: Languages of configurations, each with what a block has that is something else: a unit of systemd, a file of Docker.
CONFIGURATIONS = {
    "toml": r"\A\[project",
    "yaml": r"^(?:services|scrape_configs):",
    "ini": r"^\[(?:Unit|Service|Install)\]",
}
PROGRAMS = {"frps": frps.ROOT, "frpc": frpc.ROOT, "aiofrp": aiofrp.ROOT}
_ASSIGNMENT = re.compile(r"\w+=\S*$")

each_page = pytest.mark.parametrize("path", PAGES, ids=name_of)


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    """To a file, and where they name a section, to one that the page has."""
    wrong = []
    for link in page(path).links:
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in page(target).anchors):
            wrong.append(link)
    assert not wrong


@each_page
def test_configurations_are_good(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each one, for the program it is meant for."""
    monkeypatch.chdir(tmp_path)
    Path("confd").mkdir()  # a page includes its files
    for block in page(path).blocks:
        other = CONFIGURATIONS.get(block.language)
        if other is None or re.search(other, block.text, re.MULTILINE):
            continue
        file = tmp_path / f"block.{block.language}"
        file.write_text(block.text, encoding="utf-8")
        codes = [program.main(["verify", "-c", str(file)]) for program in (frps, frpc)]
        assert 0 in codes, (block, capsys.readouterr())


def calls(block: Block) -> list[list[str]]:
    """The calls of our programs in a block, each as its words without variables, sudo and redirections."""
    found = []
    for command in block.commands:
        for part in re.split(r"\s(?:&&|\|\|?|;)\s", re.sub(r"\s[12]?>{1,2}\s*\S+|\s&$", "", command)):
            words = shlex.split(part, comments=True)
            while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("sudo", "nohup", "exec")):
                del words[0]
            if words and Path(words[0]).name in PROGRAMS:
                found.append([Path(words[0]).name, *words[1:]])
    return found


@each_page
def test_commands_exist(path: Path) -> None:
    """Every call of our programs names a command that does something, with flags that it has."""
    for block in page(path).blocks:
        for name, *arguments in calls(block):
            invocation = parse(PROGRAMS[name], arguments)
            assert invocation.command.run or {"help", "version"} & set(invocation.values), arguments
        scripts = [word for command in block.commands for word in re.findall(r"(?<!\S)scripts/\w+", command)]
        assert not [script for script in scripts if not (ROOT / script).exists()]


@each_page
def test_python_is_python(path: Path) -> None:
    """Every block can be compiled; one may await outside a function, as in a notebook."""
    for block in page(path).blocks:
        if block.language == "python" and not block.text.startswith(("class ", "def ", "async def ")):
            compile(block.text, name_of(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_calls_are_found() -> None:
    text = "$ FOO=1 sudo ./frpc -c 'a b' > log &\nfrpc: ok\n$ cd x && aiofrp config show f | head\n"
    assert calls(Block("console", text, "")) == [["frpc", "-c", "a b"], ["aiofrp", "config", "show", "f"]]


def test_the_configuration_page_is_what_the_models_say() -> None:
    path = DOCS / "reference" / "configuration.md"
    assert path.read_text(encoding="utf-8") == reference(), (
        "aiofrp config reference > docs/reference/configuration.md"
    )


def test_the_library_page_is_what_the_docstrings_say() -> None:
    path = DOCS / "reference" / "library.md"
    assert path.read_text(encoding="utf-8") == script("_apipage").page(), "scripts/apipage"


def test_the_errors_page_is_what_the_catalogue_says() -> None:
    path = DOCS / "reference" / "errors.md"
    assert path.read_text(encoding="utf-8") == script("_hintpage").page(), "scripts/hintpage"


def test_the_metrics_page_names_all() -> None:
    """Each series that frps can show, with its labels."""
    metrics = Metrics()
    metrics.proxy_opened("a", "udp", "", "")
    metrics.connection_opened("a", "udp")
    metrics.traffic("a", "udp", 1, 2)
    metrics.lost("a", "udp", "full", 1)
    text = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    for family in metrics.collect():
        for sample in family.samples:
            labels = ", ".join(f"`{label}`" for label in sample.labels)
            assert re.search(rf"\| `{sample.name}` \| {family.type} \| {labels} ?\|", text), sample


def test_every_page_is_reached_from_the_index() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in page(index).links}
    assert {
        path for path in DOCS.rglob("*.md") if path != index and DOCS / "zh-CN" not in path.parents
    } <= linked


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_are_good(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = frps if path.stem.startswith("frps") else frpc
    assert program.main(["verify", "-c", str(path)]) == 0, capsys.readouterr()


@pytest.mark.parametrize("name", ["architecture", "design"])
def test_pages_about_the_parts_name_all(name: str) -> None:
    parts = {path.parent.name for path in (ROOT / "src" / "aiofrp").glob("*/__init__.py")} - {"web"}
    text = (DOCS / "explanation" / f"{name}.md").read_text(encoding="utf-8")
    assert not [
        part for part in sorted(parts) if not re.search(rf"^ *.*\b{part}(?::|  | +\w)", text, re.MULTILINE)
    ]


#: A citation of a page of the protocol in a comment or docstring, and its sections.
CITATION = re.compile(r"docs/protocol/(\w+)\.md((?:(?:,| and)? §[\d.]*\d)*)")
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)*)\.? ", re.MULTILINE)
SOURCES = [path for folder in ("src", "tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_citations_of_the_protocol_lead_to_sections() -> None:
    sections = {
        page.stem: set(HEADING.findall(page.read_text(encoding="utf-8")))
        for page in (ROOT / "docs" / "protocol").glob("*.md")
    }
    cited = [
        (path, page, section)
        for path in SOURCES
        for page, named in CITATION.findall(path.read_text(encoding="utf-8"))
        for section in re.findall(r"[\d.]*\d", named) or [""]
    ]
    assert len(cited) > 100
    wrong = [
        f"{path.relative_to(ROOT)}: {page} §{section}"
        for path, page, section in cited
        if page not in sections or (section and section not in sections[page])
    ]
    assert not wrong
