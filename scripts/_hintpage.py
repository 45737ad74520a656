"""Write the page about errors and their hints from the catalogue; ``--check`` says whether it is up to date."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from aiofrp.hints.catalogue import CATALOGUE, Place
from aiofrp.hints.entry import KnownFailure
from scripts._made import write_or_check

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "errors.md"

_HEAD = """# Errors and their hints

<!-- Made by `scripts/hintpage` from src/aiofrp/hints; edit that instead. -->

This page lists the errors for which aiofrp has a hint. `frpc`, `frps`, `verify`, `frpc status` and the library print
it after the error: a line that begins with `hint:`, with the cause and the next step. aiofrp chooses the hint by what
it has seen: the first bytes from the other program, an error of the network, the settings of the file. If the cause
is not certain, there is no hint.

The line before the hint is that of frp, unchanged, so that programs which search logs still find it. If a failure
repeats, its hint is printed once in five minutes. In a program, `error.hint` of an `aiofrp.errors.FrpError` has the
parts of the hint.

`…` means any text. A word in italics is replaced by what the hint names.
"""
#: The heading of each place, and what is said before its table.
_PLACES = {
    "connect": (
        "frpc does not reach the server",
        "After `connect to server error:` and `login to the server failed:`.",
    ),
    "login": ("The login fails", "After the same texts, when there is a connection."),
    "admission": (
        "frps refuses a login",
        "In the log of frps, most after `register control error:`.",
    ),
    "proxy": ("A proxy is refused", "After `start error:` of frpc and `new proxy … error:` of frps."),
    "visitor": ("A visitor does not start", "After `start error:` of frpc."),
    "service": (
        "The local service does not answer",
        "After `connect to local service … error:` and similar texts.",
    ),
    "listen": ("A port cannot be opened", "When a program starts."),
    "configuration": (
        "A file cannot be used",
        "From `verify`, at the start, and at a reload. Most also have a file and a line.",
    ),
    "command": ("`frpc status`, `reload` and `stop` fail", "What these commands print."),
    "files": ("Logs and open files", "On standard error or in the log."),
}


def page() -> str:
    """The text the page should have."""
    parts = [_HEAD]
    seen: set[str] = set()
    for place in get_args(Place):
        title, about = _PLACES[place]
        rows = [row for row in CATALOGUE[place] if row.code not in seen]
        seen |= {row.code for row in rows}
        parts += [f"## {title}", "", about, ""]
        parts += ["| What is printed | Cause | Next step | Key |", "|---|---|---|---|", *map(_row, rows), ""]
    return "\n".join(parts)


def _row(row: KnownFailure) -> str:
    reasons = "".join(f"<br>{number}. {_text(reason)}" for number, reason in enumerate(row.reasons, 1))
    cells = (
        f'<a id="{row.code}"></a>' + "<br>".join(_printed(row)),
        f"{_text(row.cause)}{'; likely:' if reasons else ''}{reasons}",
        _text(row.step),
        f"`{row.key}`" if row.key and "{" not in row.key else "",
    )
    return f"| {' | '.join(cells)} |"


def _printed(row: KnownFailure) -> Iterator[str]:
    for text in row.prints:
        yield f"`{_FIELD.sub('…', text).strip()}`".replace("|", "\\|")
    given = {name: value for name, value in row.given.items() if value and name in _GIVEN}
    if given:
        known = "; ".join(
            f"{_GIVEN[name]}: {' or '.join(filter(None, value.split('|')))}" for name, value in given.items()
        )
        yield f"({known})"


_FIELD = re.compile(r"\{\w+\}")
_NAME = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
#: The facts that decide between rows, in words.
_GIVEN = {
    "peer": "what answered",
    "protocol": "transport.protocol",
    "proxy": "transport.proxyURL of",
    "tls": "TLS",
    "mux": "tcpMux",
    "wire": "wire protocol",
    "token": "auth.token",
    "container": "in a container",
    "low": "below 1024",
    "family": "addresses",
    "type": "type",
}


def _text(text: str) -> str:
    """A sentence of a row, which begins with a capital letter unless its first word is a key or a program."""
    parts = text.split("`")
    parts[::2] = [_NAME.sub(lambda found: f"*{found[1].replace('_', ' ')}*", part) for part in parts[::2]]
    parts[1::2] = [_NAME.sub(lambda found: found[1].upper(), part) for part in parts[1::2]]  # code
    text = "`".join(parts).replace("{{", "{").replace("}}", "}").replace("|", "\\|").replace("<", "&lt;")
    return text[:1].upper() + text[1:] if _WORD.match(text) else text


#: A word that is no key such as ``serverPort`` and no program.
_WORD = re.compile(r"(?!frp[cs]\b)[a-z]+(?![A-Za-z.])")


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page(), "hintpage"))
