"""The base class of all configuration models, and the function that declares their fields.

One declaration is used for decoding, validation, JSON Schema, the reference page of the documents, the flags of the
commands and the fields of the message ``NewProxy``. The fields themselves are declared in the other modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as item
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from aiofrp.config.models.types import Secret

_ABOUT = "frp"  # the key in pydantic's json_schema_extra under which a field keeps the facts of Declared


@dataclass(frozen=True, slots=True)
class FieldFlag:
    """A command-line flag that sets a field."""

    name: str  #: the long name without the leading dashes
    short: str = ""  #: the letter of the short form, or empty
    default: Any = None  #: the flag's default where it differs from the field's, else ``None``


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared field of a model: the arguments of :func:`field` and its type."""

    name: str  #: the attribute of the model
    alias: str  #: the key in a file
    help: str  #: one sentence, with units
    default: Any
    optional: bool  #: an absent field is ``None``, which differs from empty
    annotation: Any
    metadata: tuple[Any, ...]  #: the further arguments of ``Annotated``
    wire: str = ""  #: the field of the message ``NewProxy`` that gets the value, or empty
    flag: FieldFlag | None = None
    flags: Mapping[str, FieldFlag] = item(
        default_factory=dict
    )  #: flags of fields of a table, by dotted attribute below this field
    choices: tuple[str, ...] = ()  #: the only texts allowed, besides empty; no choices: any text
    port: bool = False  #: a port number, 0 to 65535
    ours: bool = False  #: the reference does not have the field
    zero: bool = False  #: the zero value stays and is not replaced by the default


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
    :class:`Declared`; ``flag``, ``short`` and ``flag_default`` make one :class:`FieldFlag`.
    """
    about: dict[str, Any] = {
        "wire": wire,
        "flag": FieldFlag(flag, short, flag_default) if flag else None,
        "flags": flags or {},
        "choices": choices,
        "port": port,
        "zero": zero,
        "ours": ours,
    }
    default_or_factory: dict[str, Any] = (
        {"default": default} if factory is None else {"default_factory": factory}
    )
    return Field(alias=alias, description=help, json_schema_extra={_ABOUT: about}, **default_or_factory)


class Model(BaseModel):
    """The base class of a table in a configuration file. Instances are immutable.

    pydantic checks the types; :exc:`pydantic.ValidationError` is raised for wrong ones and for unknown keys. Then
    defaults replace zero values of texts and numbers, as in the reference, and :meth:`complete` is called.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, defer_build=True, arbitrary_types_allowed=True
    )

    #: The reference's name of the type: part of the paths in its error texts where it embeds one in another.
    reference_name: ClassVar[str] = ""

    @model_validator(mode="after")
    def _fill(self) -> Self:
        for name, default in fills(type(self)):
            if not self.__dict__[name]:
                self.__dict__[name] = default
        self.complete()
        return self

    def complete(self) -> None:
        """Set defaults that depend on other fields, with :meth:`fill`. Called once, after other defaults."""

    def fill(self, name: str, value: Any) -> None:
        """Set the attribute ``name``; for :meth:`complete` only, since a model is immutable afterwards."""
        self.__dict__[name] = value


@cache
def declared(model: type[Model]) -> Mapping[str, Declared]:
    """The declared fields of a model by attribute, those of base classes first, each in the order of the source."""
    return {name: _declared(name, info) for name, info in model.model_fields.items()}


def _declared(name: str, info: FieldInfo) -> Declared:
    extra = info.json_schema_extra
    about: Any = extra.get(_ABOUT, {}) if isinstance(extra, dict) else {}
    return Declared(
        name=name,
        alias=info.alias or name,
        help=info.description or "",
        default=info.get_default(call_default_factory=False),
        optional=info.default is None and info.default_factory is None,
        annotation=info.annotation,
        metadata=tuple(info.metadata),
        **about,
    )


@cache
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
