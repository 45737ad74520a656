"""Plain words: docstrings, comments and names use the terms of the field and none of the project's old metaphors."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "aiofrp"

#: Words that have to be decoded. A stream is no lane, a buffer has no room, a peer is sent something and not told, and
#: code checks, reads or searches and does not look.
FORBIDDEN = re.compile(
    r"lanes?|link(?:s|ed|ing)?|rooms?|wish(?:es|ed)?|strangers?|newcomers?|tells?|told|telling|look(?:s|ed|ing)?"
    r"|hears?|heard|hearing|goodbye|farewell"
)
#: The same as phrases.
PHRASES = re.compile(r"\b(?:word for|last words?|by the book|in vain|takes? liberties|hurts? nobody)\b")
#: A name or address is looked up: a term of the field.
LOOK_UP = re.compile(r"\b(?:look(?:s|ed|ing)?[ -]?ups?|look-ahead|looking for beginning of)\b")
#: Files with a word in its own sense: HTML, the file system and networks have links.
IN_ITS_OWN_SENSE = {
    "client/sources/replace.py": {"link"},
    "plugin/files/confined.py": {"link", "links"},
    "plugin/files/listing.py": {"link"},
    "nat/interfaces.py": {"link"},
    "vnet/tun.py": {"link"},
}

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*")
_CAMEL = re.compile(r"([a-z])(?=[A-Z])")
_CANDIDATE = re.compile(rf"(?<![a-z])(?:{FORBIDDEN.pattern})(?![a-z])|{PHRASES.pattern}")


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """All texts that stand for themselves, each with its first line."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def violations(text: str, allowed: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Each forbidden word in the docstrings, comments and names of a source text, with its line."""
    if not _CANDIDATE.search(LOOK_UP.sub("", _CAMEL.sub(r"\1_", text).lower())):  # tokens cost much more
        return []
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    prose = list(docstrings(ast.parse(text)))
    prose += [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    names = [(token.start[0], token.string) for token in tokens if token.type == tokenize.NAME]
    found = []
    for line, part in prose:
        part = LOOK_UP.sub("", part.lower())
        words = {word for word in re.findall(r"[a-z]+", part) if FORBIDDEN.fullmatch(word)}
        found += [f"{line}: {word}" for word in sorted({*words, *PHRASES.findall(part)} - allowed)]
    for line, name in names:
        parts = LOOK_UP.sub("", " ".join(_WORD.findall(name)).lower())
        if {word for word in parts.split() if FORBIDDEN.fullmatch(word)} - allowed:
            found.append(f"{line}: {name}")
    return found


def test_no_metaphors() -> None:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        wrong = violations(path.read_text(encoding="utf-8"), IN_ITS_OWN_SENSE.get(name, frozenset()))
        if wrong:
            found[name] = wrong
    assert not found, f"say it in the terms of the field: {found}"


def test_the_check_reads_docstrings_comments_and_names() -> None:
    text = (
        '"""A lane."""\n\n\nclass LaneOwner:\n    """The word for it."""\n\n    told = "tell"  # no room\n\n'
        "    def lookup(self) -> None:  # looks up a name\n"
        '        """It looks at a look-up."""\n'
    )
    assert sorted(violations(text)) == [
        "10: looks",
        "1: lane",
        "4: LaneOwner",
        "5: word for",
        "7: room",
        "7: told",
    ]
    assert violations("link = 1\n", {"link"}) == []


def test_public_names_have_docstrings() -> None:
    """Each public class and function of a module says what it is, in more than two words."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name[0] != "_"
            ):
                text = ast.get_docstring(node) or ""
                found += [f"{path.relative_to(SOURCE)}: {node.name}"] if len(text.split()) < 3 else []
    assert not found
