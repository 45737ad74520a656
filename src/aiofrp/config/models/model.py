"""The base of all configuration models, and the one way to declare a field.

A declaration serves decoding, validation, JSON Schema, the reference page of the documents, the flags of the
commands and the fields of ``NewProxy``. No field of frp is declared here.
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

_ABOUT = "frp"  # where a field keeps what pydantic has no name for


@dataclass(frozen=True, slots=True)
class FieldFlag:
    """A command-line flag that sets a field."""

    name: str  #: with dashes, without the leading ones
    short: str = ""
    default: Any = None  #: where the commands' default differs from the file's


@dataclass(frozen=True, slots=True)
class Declared:
    """The facts in a field's declaration besides its type."""

    name: str  #: attribute
    alias: str  #: key in a file
    help: str
    default: Any
    optional: bool  #: absent means ``None``, which differs from empty
    annotation: Any
    metadata: tuple[Any, ...]  #: the further arguments of ``Annotated``
    wire: str = ""  #: field of ``NewProxy``
    flag: FieldFlag | None = None
    flags: Mapping[str, FieldFlag] = item(
        default_factory=dict
    )  #: flags of the fields below: dotted attribute → flag
    choices: tuple[str, ...] = ()  #: the only texts allowed, besides empty
    port: bool = False  #: 0 to 65535
    ours: bool = False  #: not known to the reference
    zero: bool = False  #: the zero value is kept and not replaced by the default


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
    """Declare a field of a model: ``alias`` is its key in a file, ``help`` one sentence with units.

    ``default`` also replaces the zero value of its type, unless ``zero``. ``factory`` makes a default that
    is a model or a map. ``ours`` is a field that the reference does not have.
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
    """A table of a configuration file: frozen, complete once made.

    Making one fills defaults: the zero value of a text or number is the default, as in the reference.
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
        """Fill defaults that depend on other fields, with :meth:`fill`."""

    def fill(self, name: str, value: Any) -> None:
        """Set an attribute while the model is being completed."""
        self.__dict__[name] = value


@cache
def declared(model: type[Model]) -> Mapping[str, Declared]:
    """The declarations of a model by attribute, in the order of the file format."""
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
    """The attributes whose zero value means a default, with that default."""
    return tuple(
        (item.name, item.default)
        for item in declared(model).values()
        if isinstance(item.default, str | int)
        and not isinstance(item.default, bool)
        and item.default
        and not item.zero
    )


def to_tree(value: Any, *, reveal: bool = True, ours: bool = True) -> Any:
    """A model as a tree of plain values with the file's keys; secrets as ``***`` unless ``reveal``.

    Without ``ours`` there are only the fields that the reference has.
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
