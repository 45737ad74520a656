"""What to write instead: one short sentence for each kind of mistake, in the syntax of the file it is about.

A hint names what is right, or there is none. Used only when there is a problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from aiofrp.config.load import syntax
from aiofrp.config.load.known import Known, Program, Tables, places
from aiofrp.config.load.syntax import Syntax
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.types import kind
from aiofrp.config.models.values import Shape
from aiofrp.config.near import nearest, plain
from aiofrp.config.problem import Path

NOT_A_TABLE = "a configuration is a table of keys and values"
BANDWIDTH = "write a number and KB or MB, such as 500KB or 1.5MB"

_FEW = 8  # keys that are listed
_MOST = 3  # places that are listed


class About(Struct, frozen=True):
    """The document that hints are about: whose it is, its format and its place in a whole file."""

    program: Program = "frpc"
    syntax: Syntax = ""
    base: Path = ()  #: the place that the document would have in a whole file

    def tables(self, path: Path) -> Tables:
        """The tables that a path of the document leads through."""
        found: list[str] = []
        for part in self.base + path:
            if isinstance(part, str):
                found.append(part)
            else:
                found[-1] += "[]"
        return tuple(found)


_ANY: Final = About()


def unknown_key(model: type[Model], key: str, about: About = _ANY, path: Path = ()) -> str:
    """Where an unknown key of the table at ``path``, whose fields are those of ``model``, may belong: a field with
    nearly that name, one of another table, type or program."""
    names = [item.alias for item in declared(model).values()]
    spelt = {plain(name): name for name in names}
    if plain(key) in spelt:
        return f'did you mean "{spelt[plain(key)]}"?'
    return (
        _elsewhere(about, about.tables(path), key)
        or maybe(nearest(key, names))
        or (f"known here: {', '.join(names)}" if len(names) <= _FEW else "")
    )


def _elsewhere(about: About, here: Tables, key: str) -> str:
    """The hint for a key that exists somewhere else."""
    found = places(key)
    own = [known for known in found if known.program == about.program]
    if types := [name for known in own if known.tables == here for name in known.types]:
        return f"a field of type {', '.join(types)}"
    below = [known for known in own if known.tables[: len(here)] == here]
    for group in (
        [known for known in below if "[]" not in known.path[len(".".join(here)) :]],
        [known for known in own if not known.tables],
        below,
        own,
    ):
        if group:
            hint = syntax.meant(about.syntax, here, group, key) if len(group) <= _MOST else ""
            return hint + _at_the_top(about, here, found) if hint else ""
    return _other_program(about, found, key)


def _at_the_top(about: About, here: Tables, found: list[Known]) -> str:
    """What to add where the other program has a key in this very place."""
    for known in found:
        if known.program != about.program and known.tables == here == ():
            return f"; as a key at the top it is a setting of {known.program}"
    return ""


def _other_program(about: About, found: list[Known], key: str) -> str:
    if not found:
        return ""
    where = "" if len(found) > 1 or found[0].path == key else f' ("{found[0].path}")'
    return f"a setting of {found[0].program}{where}, not of {about.program}"


def maybe(name: str) -> str:
    """The question whether ``name`` is meant; empty without one."""
    return f'did you mean "{name}"?' if name else ""


def choice(text: str, known: Iterable[str]) -> str:
    """The nearest of the known texts, or all of them."""
    known = list(known)
    return maybe(nearest(text, known)) or "write one of: " + ", ".join(known)


def wrong_type(shape: Shape, value: object, form: Syntax = "", path: Path = ()) -> str:
    """An example of a value of the type that is wanted at ``path``."""
    if shape.kind == "list" and shape.element.kind == "table":
        names = [part for part in path if isinstance(part, str)]
        return syntax.tables_of(form, ".".join(names if form == "toml" else names[-1:]))
    if shape.kind == "list":
        example = '"a", "b"' if issubclass(shape.element.type, str) else "1, 2"
        return f"write a list in brackets, such as [{example}]"
    if shape.kind in ("table", "map"):
        return syntax.table(form)
    if shape.type is bool:
        return "write true or false, without quotes"
    if shape.type is int:
        return "write a whole number, without quotes"
    return "write the text in quotes" if kind(value) in ("number", "bool") else "write one text in quotes"
