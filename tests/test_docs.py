"""The documents: links lead somewhere, configurations in them are good, the examples are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiofrp.cli import frpc, frps
from aiofrp.config.tools.reference import reference

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
LINK = re.compile(r"\]\(([^)#]+)")
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_configurations_are_good(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each one, for the program it is meant for."""
    path = tmp_path / "block.toml"
    for block in TOML.findall(page.read_text(encoding="utf-8")):
        path.write_text(block, encoding="utf-8")
        codes = [program.main(["verify", "-c", str(path)]) for program in (frps, frpc)]
        assert 0 in codes, (block, capsys.readouterr())


def test_the_configuration_page_is_what_the_models_say() -> None:
    page = ROOT / "docs" / "reference" / "configuration.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "aiofrp config reference > docs/reference/configuration.md"
    )


def test_every_page_is_reached_from_the_index() -> None:
    docs = ROOT / "docs"
    linked = {
        (docs / link).resolve() for link in LINK.findall((docs / "index.md").read_text(encoding="utf-8"))
    }
    assert {page for page in docs.rglob("*.md") if page.name != "index.md"} <= linked


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_are_good(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = frps if path.stem.startswith("frps") else frpc
    assert program.main(["verify", "-c", str(path)]) == 0, capsys.readouterr()


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
