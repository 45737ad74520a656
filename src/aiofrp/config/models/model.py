"""The base class of all configuration models, and the function that declares their fields.

One declaration is used for decoding, validation, JSON Schema, the reference page of the documents, the flags of the
commands and the fields of the message ``NewProxy``. The fields themselves are declared in the other modules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from functools import cache
from typing import Any, ClassVar, NoReturn, ParamSpec, Self, TypeVar, cast, dataclass_transform

from msgspec import Struct

from aiofrp.config.models.types import Secret
from aiofrp.config.models.values import Path, Shape, Table, Wrong, read, shape_of

_P = ParamSpec("_P")
_R = TypeVar("_R")


class FieldFlag(Struct, frozen=True):
    """A command-line flag that sets a field."""

    name: str  #: the long name without the leading dashes
    short: str = ""  #: the letter of the short form, or empty
    default: Any = None  #: the flag's default where it differs from the field's, else ``None``


class Facts(Struct, frozen=True):
    """What the arguments of :func:`field` say about a field."""

    alias: str  #: the key in a file
    help: str  #: one sentence, with units
    default: Any
    factory: Callable[[], Any] | None  #: makes the default instead
    wire: str  #: the field of the message ``NewProxy`` that gets the value, or empty
    flag: FieldFlag | None
    flags: Mapping[str, FieldFlag]  #: flags of fields of a table, by dotted attribute below this field
    choices: tuple[str, ...]  #: the only texts allowed, besides empty; no choices: any text
    port: bool  #: a port number, 0 to 65535
    zero: bool  #: the zero value stays and is not replaced by the default
    ours: bool  #: the reference does not have the field


class Declared(Facts, frozen=True):
    """One declared field of a model: the arguments of :func:`field`, its name and its type."""

    name: str  #: the attribute of the model
    annotation: Any
    shape: Shape  #: the same in a simple form

    @property
    def optional(self) -> bool:
        """Whether an absent field is ``None``, which differs from empty."""
        return self.default is None and self.factory is None


def field(
    default: Any = None,
    *,
    alias: str,
    help: str,
    wire: str = "",
    flag: str = "",
    short: str = "",
    flag_default: Any = None,
    flags: Mapping[str, FieldFlag] | None = None,
    choices: tuple[str, ...] = (),
    port: bool = False,
    zero: bool = False,
    ours: bool = False,
    factory: Callable[[], Any] | None = None,
) -> Any:
    """Declare a field of a model. Returns the value for the class attribute.

    ``alias``: its key in a file. ``help``: one sentence with units, for documents and flags. ``default``: the value of
    an absent field; it also replaces the zero value of its type (0 or an empty text), as in the reference, unless
    ``zero``. ``factory`` makes a default that is a model or a map. The other arguments are explained in
    :class:`Facts`; ``flag``, ``short`` and ``flag_default`` make one :class:`FieldFlag`.
    """
    made = FieldFlag(flag, short, flag_default) if flag else None
    return Facts(alias, help, default, factory, wire, made, flags or {}, choices, port, zero, ours)


def once(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """``function``, which is called once for each class of models. mypy denies that such a class is hashable."""
    return cast("Callable[_P, _R]", cache(function))


class WrongValues(ValueError):
    """A table has values of wrong types, or unknown keys."""

    def __init__(self, model: str, wrongs: list[Wrong]) -> None:
        super().__init__(f"{model}: {'; '.join(map(str, wrongs))}")
        self.wrongs = wrongs


@dataclass_transform(kw_only_default=True, eq_default=False)
class Model(Table):
    """The base class of a table in a configuration file. Instances are immutable.

    The types of values are checked; :exc:`WrongValues` is raised for wrong ones and for unknown keys. Then defaults
    replace zero values of texts and numbers, as in the reference, and :meth:`complete` is called.
    """

    #: What a form calls the fields that the class itself declares; empty is the type of the proxy or visitor.
    form_group: ClassVar[str] = ""

    #: The fields that the class itself declares, by attribute.
    _own: ClassVar[Mapping[str, Facts]] = {}

    #: The attributes that were given a value; the others have a default.
    given: frozenset[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._own = {name: value for name, value in vars(cls).items() if isinstance(value, Facts)}
        for name in cls._own:
            delattr(cls, name)

    def __init__(self, **values: Any) -> None:
        """``values``: by attribute or by key in a file."""
        wrongs: list[Wrong] = []
        self._take(values, (), wrongs)
        if wrongs:
            raise WrongValues(type(self).__name__, wrongs)

    @classmethod
    def model_validate(cls, tree: Mapping[str, Any]) -> Self:
        """The model with the values of ``tree``. Raises :exc:`WrongValues` with all that is wrong."""
        return cls(**tree)

    @classmethod
    def read(cls, tree: dict[str, Any], path: Path, wrongs: list[Wrong]) -> Self | None:
        made, before = cls.__new__(cls), len(wrongs)
        made._take(tree, path, wrongs)
        return made if len(wrongs) == before else None

    def _take(self, tree: Mapping[str, Any], path: Path, wrongs: list[Wrong]) -> None:
        """Set all attributes, or add to ``wrongs`` why they cannot be set."""
        before, values, given, absent = len(wrongs), self.__dict__, [], dict(tree)
        for name, item in declared(type(self)).items():
            for key in (item.alias, name):
                if key in absent:
                    values[name] = read(item.shape, absent.pop(key), (*path, item.alias), wrongs)
                    given.append(name)
                    break
            else:
                values[name] = item.default if item.factory is None else item.factory()
        wrongs += (Wrong((*path, key), value, "unknown key") for key, value in absent.items())
        values["given"] = frozenset(given)
        if len(wrongs) > before:
            return
        for name, default in fills(type(self)):
            if not values[name]:
                self.fill(name, default)
        self.complete()

    def complete(self) -> None:
        """Set defaults that depend on other fields, with :meth:`fill`. Called once, after other defaults."""

    def fill(self, name: str, value: Any) -> None:
        """Set the attribute ``name``; not after :meth:`complete`, since a model is immutable then. An attribute whose
        value is replaced counts as not given."""
        if self.__dict__[name] != value:
            self.__dict__[name] = value
            self.__dict__["given"] = self.given - {name}

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same model but for the attributes in ``update``, whose values are not checked."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **update)
        copy.__dict__["given"] = self.given | update.keys()
        return copy

    def _values(self) -> tuple[Any, ...]:
        return tuple(self.__dict__[name] for name in declared(type(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        values = (f"{name}={getattr(self, name)!r}" for name in declared(type(self)))
        return f"{type(self).__name__}({', '.join(values)})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to {name}: a configuration is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete {name}: a configuration is immutable")


@once
def declared(model: type[Model]) -> Mapping[str, Declared]:
    """The declared fields of a model by attribute, those of base classes first, each in the order of the source."""
    fields: dict[str, Declared] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Model):
            for name, facts in vars(base).get("_own", {}).items():
                fields[name] = _declared(base, name, facts)
    return fields


def _declared(owner: type[Model], name: str, facts: Facts) -> Declared:
    annotation = owner.__annotations__[name]
    if isinstance(annotation, str):
        annotation = eval(annotation, vars(sys.modules[owner.__module__]))
    values = {key: getattr(facts, key) for key in Facts.__struct_fields__}
    return Declared(**values, name=name, annotation=annotation, shape=shape_of(annotation))


@once
def fills(model: type[Model]) -> tuple[tuple[str, Any], ...]:
    """The attributes whose zero value is replaced by a default, each with that default."""
    return tuple(
        (item.name, item.default)
        for item in declared(model).values()
        if isinstance(item.default, str | int)
        and not isinstance(item.default, bool)
        and item.default
        and not item.zero
    )


def to_tree(value: Any, *, reveal: bool = True, ours: bool = True) -> Any:
    """Convert a model to dictionaries, lists and plain values, with the keys of a file.

    Without ``reveal``, secrets become ``***``. Without ``ours``, only the fields that the reference has are included.
    """

    def inner(value: Any) -> Any:
        return to_tree(value, reveal=reveal, ours=ours)

    if isinstance(value, Model):
        items = [item for item in declared(type(value)).values() if ours or not item.ours]
        return {item.alias: inner(getattr(value, item.name)) for item in items}
    if isinstance(value, tuple):
        return [inner(item) for item in value]
    if isinstance(value, dict):
        return {key: inner(item) for key, item in value.items()}
    if isinstance(value, Secret):
        return value.reveal() if reveal else str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
