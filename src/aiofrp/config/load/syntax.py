"""How a place or a value is written in each format: a hint uses the format of the file it is about."""

from __future__ import annotations

from typing import Literal, TypeAlias

from aiofrp.config.load.known import Known, Tables

Syntax: TypeAlias = Literal["toml", "yaml", "json", ""]
"""The format of a file; empty for options that come from no file, whose places are written with dots."""


def place(syntax: Syntax, tables: Tables) -> str:
    """Where a key of these tables belongs: ``in [transport]``, ``below "transport:"`` and so on."""
    names = [name.removesuffix("[]") for name in tables]
    if syntax == "yaml":
        return _yaml_place(tables)
    if syntax == "json":
        return _json_place(tables)
    if not names:
        return "at the top of the file, above the first table" if syntax == "toml" else "at the top"
    dotted = ".".join(names)
    return f"in [[{dotted}]]" if tables[-1].endswith("[]") else f"in [{dotted}]"


def _yaml_place(tables: Tables) -> str:
    if not tables:
        return "at the top level, without indentation"
    steps = [
        f'in an item of "{name[:-2]}:"' if name.endswith("[]") else f'below "{name}:"'
        for name in reversed(tables)
    ]
    return " ".join(steps)


def _json_place(tables: Tables) -> str:
    if not tables:
        return "in the outermost object"
    steps = [
        f'an object of the list "{name[:-2]}"' if name.endswith("[]") else f'the object "{name}"'
        for name in reversed(tables)
    ]
    return "in " + " in ".join(steps)


def meant(syntax: Syntax, here: Tables, found: list[Known], written: str) -> str:
    """The hint that a key that was ``written`` in the tables ``here`` belongs in the places ``found``."""
    below = [known.tables[len(here) :] for known in found if known.tables[: len(here)] == here]
    dotted = syntax in ("toml", "") and len(below) == len(found)
    if dotted and not any(name.endswith("[]") for tables in below for name in tables):
        paths = [".".join((*tables, known.key)) for tables, known in zip(below, found, strict=True)]
        return "did you mean " + " or ".join(f'"{path}"' for path in paths) + "?"
    return "belongs " + " or ".join(_one(syntax, known, written) for known in found)


def _one(syntax: Syntax, known: Known, written: str) -> str:
    spelt = "" if written.lower() == known.key.lower() else f' as "{known.key}"'
    typed = f" of type {', '.join(known.types)}" if 0 < len(known.types) <= _FEW_TYPES else ""
    return place(syntax, known.tables) + spelt + typed


#: Types that are listed.
_FEW_TYPES = 3


def tables_of(syntax: Syntax, name: str) -> str:
    """How a list of tables called ``name`` is written in a format, as the text of a hint."""
    if syntax == "yaml":
        return f'write a list below "{name}:", each item after "- "'
    if syntax == "json":
        return f'write a list of objects, such as "{name}": [{{…}}, {{…}}]'
    return f"write [[{name}]] above each one" if syntax == "toml" else "write a list of tables"


def plugin(syntax: Syntax) -> str:
    """How the table of a plugin is written."""
    example = {"yaml": "{type: socks5}", "json": '{"type": "socks5"}'}.get(syntax, '{ type = "socks5" }')
    return f"write {'an object' if syntax == 'json' else 'a table'} with a type, such as {example}"


def table(syntax: Syntax) -> str:
    """How a table is written in a format, as the text of a hint."""
    if syntax == "yaml":
        return "write keys and values below it, indented"
    return f"write {'an object' if syntax == 'json' else 'a table'} of keys and values"
