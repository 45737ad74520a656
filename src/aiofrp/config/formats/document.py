"""From a text to a tree of plain values: TOML, JSON or YAML, found out as the reference does (config §1.1)."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from aiofrp.config.formats.depth import within_depth
from aiofrp.config.formats.json import parse_json
from aiofrp.config.formats.toml import parse_toml
from aiofrp.errors import ConfigError

Format = Literal["toml", "json", "yaml"]

_SPACE = " \t\n\v\f\r\x85\xa0"


class Document(NamedTuple):
    """A parsed text: its tree of plain values and the format it was written in."""

    tree: Any
    format: Format
    note: str = ""  #: why it is not TOML, where it might have been meant to be


def parse(text: str, extension: str = "", *, strict: bool = True) -> Document:
    """Parse a rendered configuration; ``extension`` is that of its file, with the dot.

    Raises :class:`~aiofrp.errors.ConfigError`. Bytes that are not UTF-8 are surrogate escapes in ``text``.
    """
    try:
        return Document(parse_toml(text), "toml")
    except ConfigError as error:
        if extension.lower() == ".toml":
            raise
        note = f"as TOML: {error.args[0].splitlines()[0].removeprefix('toml: ')}"
    if text.lstrip(_SPACE).startswith("{"):
        return Document(parse_json(text, strict=strict), "json")
    from aiofrp.config.formats import yaml  # takes its time, and is not needed for TOML

    return Document(within_depth(yaml.load, text, drop_dot_keys=strict), "yaml", note)
