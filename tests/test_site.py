"""The documentation's web site: what scripts/_site.py makes of the pages, and that it can be built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.documents import ABSENT, DOCS, ROOT, script

TOOLS = ROOT / ".venv-docs" / "bin"


site = script("_site")


def test_links_are_as_the_site_needs_them() -> None:
    places = site.tree("en").places
    text = (
        "[a](../../README.md#performance) [b](secure.md)\n```\n[c](../../README.md)\n```\n[d](https://x.y/)\n"
    )
    moved = site.moved(text, DOCS / "howto" / "faq.md", "howto/faq.md", places)
    assert moved == text.replace("[a](../../README.md", "[a](../project/readme.md", 1)
    moved = site.moved(
        "[e](docs/howto/faq.md) [f](LICENSE)\n", ROOT / "README.md", "project/readme.md", places
    )
    assert moved == "[e](../howto/faq.md) [f](../files/LICENSE.txt)\n"


def test_a_chinese_page_takes_the_place_of_its_twin() -> None:
    places = site.tree(site.CHINESE).places
    chinese = DOCS / site.CHINESE / "howto" / "secure.md"
    for link in ("faq.md", "../../howto/faq.md"):
        assert site.moved(f"[a]({link})\n", chinese, "howto/secure.md", places) == "[a](faq.md)\n"


def test_the_menu_is_that_of_the_index() -> None:
    index = "# X\n\n**Learn it**\n\n- [The `first`](a.md): b.\n- [Out](https://x.y/)\n\n**Use it**\n\n- [C](c/d.md)\n"
    assert site.menu(index) == [
        {"aiofrp": "index.md"},
        {"Learn it": [{"The first": "a.md"}]},
        {"Use it": [{"C": "c/d.md"}]},
    ]


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="there">')
    links = ["b.html", "b.html#there", "b.html#gone", "c.html", "#gone", "https://x.y/z"]
    (tmp_path / "a.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    assert site.broken(tmp_path) == ["a.html: b.html#gone", "a.html: c.html", "a.html: #gone"]


@pytest.mark.skipif(not (TOOLS / "zensical").exists(), reason=f"no .venv-docs: {ABSENT}")
def test_the_site_is_built(tmp_path: Path) -> None:
    """In strict mode and without a broken link; in the language that has all pages."""
    command = [str(TOOLS / "python"), str(ROOT / "scripts" / "_site.py"), "--output", str(tmp_path / "site")]
    language = site.CHINESE if (DOCS / site.CHINESE).exists() else "en"
    done = subprocess.run(
        [*command, "--work", str(tmp_path / "work"), "--only", language],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "howto" / "faq.html").exists()
