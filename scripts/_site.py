"""The documentation as a web site: one tree of pages for each language, built by Zensical, then every link is followed.

``docs/index.md`` is the first page and the menu. Pages of the repository's root become ``project/…``; other files that
pages name are copied. A Chinese page takes the place of its English twin in the Chinese tree, which so has all pages.
Run by ``scripts/docs``; needs nothing but Zensical.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CHINESE = "zh-CN"
#: Names of the two languages, as readers choose them.
LANGUAGES = {"en": "English", CHINESE: "简体中文"}

_LINK = re.compile(r"(\]\()([^)\s#]+)")
_FENCE = re.compile(r"^ *```")
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)#]+)\)")
_SWITCH = re.compile(r"^(English|\[English\]\(\S+\)) \| ")
_GROUP = re.compile(r"^\*\*(.+)\*\*$")


@dataclass(frozen=True, slots=True)
class Tree:
    """The pages and files of the site in one language, by their path in it."""

    language: str
    files: dict[str, Path]

    @property
    def places(self) -> dict[Path, str]:
        """Where each file of the repository is in the site; of two twins both lead to the one place."""
        found = {path: place for place, path in self.files.items()}
        for place in self.files:
            for folder in (DOCS, DOCS / CHINESE):
                found.setdefault(folder / place, place)
        for path in ROOT.glob("*.md"):
            found.setdefault(path, _place_of_root(path))
        return found


def _place_of_root(path: Path) -> str:
    return f"project/{path.name.removesuffix('.md').removesuffix(f'.{CHINESE}').lower()}.md"


def tree(language: str) -> Tree:
    """All pages of a language, and the files they name."""
    files = {}
    for path in sorted(ROOT.glob("*.md")):
        if language == CHINESE or not path.name.endswith(f".{CHINESE}.md"):
            files[_place_of_root(path)] = path  # a Chinese one comes after its twin
    for folder in (DOCS, DOCS / CHINESE) if language == CHINESE else (DOCS,):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (folder != DOCS or CHINESE not in path.parts):
                files[path.relative_to(folder).as_posix()] = path
    pages = [path for path in files.values() if path.suffix == ".md"]
    for path in pages:
        for link in links(path.read_text(encoding="utf-8")):
            target = (path.parent / link).resolve()
            if target.is_file() and target.suffix != ".md" and DOCS not in target.parents:
                suffix = "" if target.suffix else ".txt"
                files[f"files/{target.relative_to(ROOT).as_posix()}{suffix}"] = target
    return Tree(language, files)


def links(text: str) -> Iterator[str]:
    """The targets of links to files, without their anchors."""
    for line in outside_code(text):
        for _, target in _LINK.findall(line):
            if "://" not in target:
                yield target


def outside_code(text: str) -> Iterator[str]:
    """The lines of a page that are no code block."""
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def moved(text: str, path: Path, place: str, places: dict[Path, str]) -> str:
    """The page at ``path`` with its links as they must be at ``place`` of the site."""

    def link(found: re.Match[str]) -> str:
        target = places.get((path.parent / found[2]).resolve())
        return found[0] if target is None else found[1] + os.path.relpath(target, Path(place).parent)

    lines, inside = [], False
    for line in text.splitlines():
        inside ^= bool(_FENCE.match(line))
        if _SWITCH.match(line):  # the site has a menu of languages
            continue
        lines.append(line if inside else _LINK.sub(link, line))
    return "\n".join([*lines, ""])


def menu(index: str) -> list[dict[str, object]]:
    """The menu that the index page makes: its groups, and in each the pages with the texts of their links."""
    groups: list[dict[str, object]] = [{"aiofrp": "index.md"}]
    entries: list[dict[str, str]] = []
    for line in index.splitlines():
        if group := _GROUP.match(line):
            entries = []
            groups.append({group[1]: entries})
        elif (entry := _ENTRY.match(line)) and "://" not in entry[2]:
            entries.append({entry[1].replace("`", ""): entry[2]})
    return groups


def settings(site: Tree, folder: Path) -> dict[str, object]:
    """What Zensical is to do, as its file of settings has it."""
    index = (folder / "index.md").read_text(encoding="utf-8")
    alternate = [
        {"name": name, "link": "/" if code == "en" else f"/{code}/", "lang": code}
        for code, name in LANGUAGES.items()
    ]
    slugs = {"object": "pymdownx.slugs.slugify", "kwds": {"case": "lower"}}  # as GitHub makes them
    mermaid = {
        "name": "mermaid",
        "class": "mermaid",
        "format": "pymdownx.superfences.fence_code_format",
    }
    return {
        "site_name": "aiofrp",
        "docs_dir": folder.name,
        "site_dir": "site",
        "use_directory_urls": False,
        "nav": menu(index),
        "theme": {
            "language": "zh" if site.language == CHINESE else "en",
            "features": ["content.code.copy", "navigation.sections", "navigation.top", "search.highlight"],
            "palette": [_palette("light", "dark"), _palette("dark", "light")],
        },
        "extra": {"alternate": alternate},
        "markdown_extensions": {
            "tables": {},
            "toc": {"permalink": True, "slugify": slugs},
            "pymdownx.superfences": {"custom_fences": [mermaid]},
            "pymdownx.highlight": {},
        },
    }


def _palette(scheme: str, other: str) -> dict[str, object]:
    """The colours for readers whose system prefers ``scheme``, with a button for the other ones."""
    return {
        "media": f"(prefers-color-scheme: {scheme})",
        "scheme": "slate" if scheme == "dark" else "default",
        "toggle": {"icon": "lucide/sun" if scheme == "light" else "lucide/moon", "name": other},
    }


def build(language: str, work: Path, output: Path) -> None:
    """Write the pages of ``language`` below ``work`` and build the site in ``output``."""
    site = tree(language)
    folder = work / "pages"
    places = site.places
    for place, path in site.files.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = moved(path.read_text(encoding="utf-8"), path, place, places)
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    # YAML takes JSON.
    file = work / "mkdocs.yml"
    file.write_text(json.dumps(settings(site, folder), ensure_ascii=False), encoding="utf-8")
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean", "--config-file", file], cwd=work, check=True)
    shutil.move(work / "site", output)


class _Names(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name == "id":
                self.anchors.add(value)
            elif value and name in ("href", "src") and tag in ("a", "img"):
                self.links.append(value)


def broken(output: Path) -> list[str]:
    """The links of a site that lead to no file, or to no anchor of a page."""
    pages = {}
    for path in sorted(output.rglob("*.html")):
        pages[path] = _Names()
        pages[path].feed(path.read_text(encoding="utf-8"))
    found = []
    for path, names in pages.items():
        for link in names.links:
            if re.match(r"[a-z]+:|/|\.$", link) or path.name == "404.html":
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            known = pages.get(target)
            if not target.exists() or (anchor and known and anchor not in known.anchors):
                found.append(f"{path.relative_to(output)}: {link}")
    return found


def main() -> int:
    """Build the site; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "site", help="where to (default site/)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "docs", help="for what it works on")
    parser.add_argument("--only", choices=LANGUAGES, help="one language instead of both")
    parser.add_argument("--serve", action="store_true", help="show it afterwards at http://127.0.0.1:8010/")
    arguments = parser.parse_args()
    output, work = arguments.output.resolve(), arguments.work.resolve()
    for folder in (output, work):
        shutil.rmtree(folder, ignore_errors=True)
    for language in [arguments.only] if arguments.only else LANGUAGES:
        first = language == "en" or arguments.only
        build(language, work / language, output if first else output / language)
    wrong = broken(output)
    for line in wrong:
        print(f"broken link in {line}", file=sys.stderr)
    if arguments.serve and not wrong:
        handler = partial(SimpleHTTPRequestHandler, directory=str(output))
        ThreadingHTTPServer(("127.0.0.1", 8010), handler).serve_forever()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
