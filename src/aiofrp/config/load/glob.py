"""Patterns of file names as Go's ``path/filepath`` reads them, and the files an ``includes`` entry names."""

from __future__ import annotations

import os
import re

from aiofrp.errors import ConfigError

#: Files one entry may name.
MAX_FILES = 10_000

# Compiled when they are used, for ``includes``: every start loads this module.
_TOKEN = r"(?P<star>\*+)|(?P<any>\?)|\[(?P<not>\^?)(?P<set>(?:[^\]\\]|\\.)+)\]|\\(?P<raw>.)|(?P<text>[^\[\\])"
_SPAN = r"(\\.|[^-\\])(?:-(\\.|[^-\\]))?"


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """A matcher for one component of a path; ``None`` if the pattern is malformed."""
    parts, token_at = [], re.compile(_TOKEN, re.S).match
    position = 0
    while position < len(pattern):
        token = token_at(pattern, position)
        part = _part(token) if token else None
        if token is None or part is None:
            return None
        parts.append(part)
        position = token.end()
    return re.compile("".join(parts), re.S)


def _part(token: re.Match[str]) -> str | None:
    if token["star"]:
        return "[^/]*"
    if token["any"]:
        return "[^/]"
    if token["set"] is not None:
        spans = _spans(token["set"])
        return None if spans is None else f"[{token['not']}{spans}]"
    return re.escape(token["raw"] or token["text"])


def _spans(text: str) -> str | None:
    if not re.fullmatch(f"(?:{_SPAN})+", text, re.S):
        return None
    spans = []
    for low, high in re.findall(_SPAN, text, re.S):
        first, last = low[-1], (high or low)[-1]
        if first <= last:
            spans.append(f"{re.escape(first)}-{re.escape(last)}")
    return "".join(spans) or None


def included_files(pattern: str) -> list[str]:
    """Absolute paths of the files an ``includes`` entry names, in name order; raises ConfigError.

    Only the last component is a pattern; it is looked up in the working directory if not absolute.
    """
    directory = os.path.abspath(os.path.dirname(pattern) or ".")
    matcher = compile_pattern(os.path.basename(pattern.rstrip("/")) or ".")
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        raise ConfigError(f"stat {directory}: no such file or directory", "includes") from None
    except OSError as error:
        raise ConfigError(f"open {directory}: {(error.strerror or '').lower()}", "includes") from None
    found = [os.path.join(directory, name) for name in names if matcher and matcher.fullmatch(name)]
    if len(found) > MAX_FILES:
        raise ConfigError(f"include: {pattern} names more than {MAX_FILES} files", "includes")
    return found
