"""The Chinese pages: each has the headings, the code and the tables of its English twin, so that neither drifts."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.support.documents import DOCS, ROOT, Page, name_of, page

CHINESE = DOCS / "zh-CN"
INDEX = CHINESE / "index.md"
_CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
TRANSLATED = [ROOT / "README.zh-CN.md", *sorted(set(CHINESE.rglob("*.md")) - {INDEX})]


def twin(path: Path) -> Path:
    """The English page of a Chinese one."""
    if CHINESE in path.parents:
        return DOCS / path.relative_to(CHINESE)
    return path.with_name(path.name.replace(".zh-CN", ""))


def shape(read: Page) -> dict[str, list[object]]:
    """What both pages must have alike; a drawing in text has words of its own language."""
    return {
        "depths of headings": [depth for depth, _ in read.headings],
        "code": [block.text for block in read.blocks if block.language != "text"],
        "languages of code": [block.language for block in read.blocks],
        "columns of table rows": [
            line.count(" |") for line in read.prose.splitlines() if line.startswith("|")
        ],
        "items of lists": [
            len(line) - len(line.lstrip()) for line in read.prose.splitlines() if _is_item(line)
        ],
    }


def _is_item(line: str) -> bool:
    return line.lstrip()[:2] in ("- ", "1.", "2.", "3.")


#: Where an English page may be ahead: each new tool is a row, and developers read English.
AHEAD = {"docs/zh-CN/howto/develop.md": {"columns of table rows"}}


@pytest.mark.parametrize("path", TRANSLATED, ids=name_of)
def test_it_has_the_shape_of_its_twin(path: Path) -> None:
    ours, theirs = shape(page(path)), shape(page(twin(path)))
    for what in sorted(ours.keys() - AHEAD.get(name_of(path), set())):
        assert ours[what] == theirs[what], (
            f"{what}: change {name_of(path)} as {name_of(twin(path))} was changed; what nobody can translate now may "
            "stand there in English"
        )


@pytest.mark.parametrize("path", [INDEX, *TRANSLATED], ids=name_of)
def test_chinese_sentences_stand_in_one_line(path: Path) -> None:
    """A line break in a paragraph is shown as a blank, which Chinese has not between its characters."""
    lines = page(path).prose.splitlines()
    broken = [
        f"{line[-10:]}⏎{following[:10]}"
        for line, following in itertools.pairwise(lines)
        if _CHINESE.match(line[-1:]) and (_CHINESE.match(following.lstrip()[:1]))
    ]
    assert not broken


def test_every_chinese_page_is_reached_from_its_index() -> None:
    linked = {(CHINESE / link.partition("#")[0]).resolve() for link in page(INDEX).links}
    assert set(CHINESE.rglob("*.md")) - {INDEX} <= linked


def test_a_difference_is_found() -> None:
    assert shape(page(INDEX)) != shape(page(ROOT / "README.md"))
