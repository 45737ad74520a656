"""The documents as tests read them: headings with their anchors, code blocks by section, and the commands in them."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
#: Every page a user reads, the English ones and the Chinese ones.
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
#: Ends the reason why the web site was not built.
ABSENT = "scripts/docs --setup installs what builds the documentation's web site"

_FENCE = re.compile(r"^( *)```(\w*)$")
_HEADING = re.compile(r"^(#{1,6}) (.+)$")
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: its language, its text, and the anchor of the heading it stands below."""

    language: str
    text: str
    section: str

    @property
    def commands(self) -> list[str]:
        """What a user types: the lines after ``$`` or root's ``#`` of a console, all lines of a script but comments."""
        if self.language == "console":
            return [line[2:] for line in self.text.splitlines() if line.startswith(("$ ", "# "))]
        if self.language in ("sh", "bash"):
            joined = self.text.replace("\\\n", " ")
            return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
        return []


@dataclass(frozen=True, slots=True)
class Page:
    """What a page consists of."""

    headings: tuple[tuple[int, str], ...]  #: depth and text
    blocks: tuple[Block, ...]
    prose: str  #: the page without its code blocks

    @property
    def anchors(self) -> set[str]:
        """Where links into the page may lead."""
        return set(_anchors([text for _, text in self.headings]))

    @property
    def links(self) -> list[str]:
        """The targets of all links and images in the prose."""
        return re.findall(r"\]\(([^)\s]+)\)", _CODE.sub("``", self.prose))


def name_of(path: Path) -> str:
    """A page's path as tests show it."""
    return str(path.relative_to(ROOT))


@cache
def page(path: Path) -> Page:
    """The page at ``path``; fails where a code block has no end."""
    headings: list[tuple[int, str]] = []
    blocks: list[Block] = []
    prose: list[str] = []
    fence: tuple[str, str] | None = None  # indent and language of the block that is open
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _FENCE.match(line)
        if fence is not None:
            if found and found[1] == fence[0] and not found[2]:
                section = [*_anchors([text for _, text in headings]), ""][len(headings) - 1]
                blocks.append(Block(fence[1], "".join(f"{text}\n" for text in lines), section))
                fence = None
            else:
                lines.append(line.removeprefix(fence[0]))
        elif found:
            fence, lines = (found[1], found[2]), []
        else:
            prose.append(line)
            if heading := _HEADING.match(line):
                headings.append((len(heading[1]), heading[2].strip()))
    assert fence is None, f"{path}: a code block has no end"
    return Page(tuple(headings), tuple(blocks), "\n".join(prose))


def blocks_of(path: Path, section: str, language: str = "toml") -> list[str]:
    """The texts of the blocks of one language below one heading of a page."""
    found = [
        block.text for block in page(path).blocks if (block.section, block.language) == (section, language)
    ]
    assert found, f"{path}: no {language} block in section {section!r}"
    return found


def script(name: str) -> ModuleType:
    """A module of the folder ``scripts``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def _anchors(headings: list[str]) -> list[str]:
    """The anchors of headings, as GitHub makes them."""
    counts: dict[str, int] = {}
    anchors = []
    for heading in headings:
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = counts.get(anchor, 0)
        counts[anchor] = number + 1
        anchors.append(f"{anchor}-{number}" if number else anchor)
    return anchors
