"""The line of a value in the text of a configuration; searched only when there is a problem.

The text is read roughly, and that never fails: line 0 means "unknown".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from aiofrp.config.formats.document import Format
from aiofrp.config.legacy.ini import IniFile
from aiofrp.config.problem import Path

if TYPE_CHECKING:
    import yaml

#: Longer texts are not searched, in characters: reading YAML for its places is slow.
MAX_TEXT = 1_000_000

# Compiled when they are used, for an error: every start loads this module.
_KEY = r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=(.*)"""
_HEADER = r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$"
_PART = r""""([^"]*)"|'([^']*)'|([\w-]+)"""


def locator(text: str, format: Format) -> Callable[[Path], int]:
    """A function from a path to the line (1 is the first) of its value, or of the nearest table around it."""
    if len(text) > MAX_TEXT:
        return lambda path: 0
    pairs = _toml_lines(text) if format == "toml" else _yaml_lines(text)
    lines: dict[Path, int] = {}
    for path, line in pairs:
        lines.setdefault(_folded(path), line)
    return partial(_find, lines)


def ini_locator(file: IniFile, tree: object) -> Callable[[Path], int]:
    """The same for an INI file and the tree it was turned into: the first line in a proxy's section."""
    return partial(_find_section, file, tree)


def _find_section(file: IniFile, tree: object, path: Path) -> int:
    if not isinstance(tree, dict) or len(path) < 2 or path[0] not in ("proxies", "visitors"):
        return 0
    section = tree[path[0]][path[1]]["name"]
    return min((entry.line for entry in file.own(section).values()), default=0) if section in file else 0


def _find(lines: dict[Path, int], path: Path) -> int:
    folded = _folded(path)
    for length in range(len(folded), 0, -1):
        if folded[:length] in lines:
            return lines[folded[:length]]
    return 0


def _folded(path: Path) -> Path:
    return tuple(part.lower() if isinstance(part, str) else part for part in path)


def _toml_lines(text: str) -> Iterator[tuple[Path, int]]:
    table: Path = ()
    counts: dict[Path, int] = {}  # elements of arrays of tables seen
    fence = ""  # the quotes of a text over several lines
    for number, line in enumerate(text.split("\n"), 1):
        if fence:
            fence = "" if fence in line else fence
        elif header := re.match(_HEADER, line):
            table = _indexed(_parts(header[2]), counts, new=header[1] == "[[")
            yield table, number
        elif pair := re.match(_KEY, line):
            yield (*table, *_parts(pair[1])), number
            fence = next((mark for mark in ('"""', "'''") if pair[2].count(mark) == 1), "")


def _parts(key: str) -> Path:
    return tuple(a or b or c for a, b, c in re.findall(_PART, key))


def _indexed(key: Path, counts: dict[Path, int], *, new: bool) -> Path:
    """The path of a table header, with the index of the element it belongs to."""
    path: Path = ()
    for depth, part in enumerate(key, 1):
        path = (*path, part)
        if new and depth == len(key):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _yaml_lines(text: str) -> Iterator[tuple[Path, int]]:
    """JSON is near enough to YAML to be read the same way."""
    import yaml  # takes its time, and is needed only here

    try:
        root = yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return
    pending: list[tuple[Path, yaml.Node | None]] = [((), root)]
    budget = MAX_TEXT  # nodes; aliases can make very many of few
    while pending and (budget := budget - 1):
        path, node = pending.pop()
        for part, line, child in _children(node):
            yield (*path, part), line
            pending.append(((*path, part), child))


def _children(node: yaml.Node | None) -> Iterator[tuple[str | int, int, yaml.Node]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value.start_mark.line + 1, value
