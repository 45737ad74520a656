"""The types of configuration fields in a simple form, for decoding, the JSON Schema and the TOML writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from aiofrp.config.models.model import Declared, Model, declared
from aiofrp.config.models.types import Want


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value in a configuration file."""

    kind: Literal["table", "list", "map", "scalar"]
    type: type  #: the model of a table, the Python type of any other value
    want: str  #: the reference's name of the type, part of its error texts
    item: Shape | None = None  #: the shape of the items of a list or a map

    @property
    def element(self) -> Shape:
        """The shape of the items of a list or a map; only for those."""
        assert self.item is not None
        return self.item


@cache
def shapes(model: type[Model]) -> Mapping[str, Shape]:
    """The shape of each attribute of a model."""
    return {name: shape_of(item) for name, item in declared(model).items()}


def shape_of(item: Declared) -> Shape:
    """The shape of the value that a declared field takes."""
    return _shape(item.annotation, item.metadata)


def _shape(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _shape(inner, (*more, *metadata))
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (arm for arm in get_args(annotation) if arm is not NoneType)
        return _shape(inner, metadata)
    wants = [mark.name for mark in metadata if isinstance(mark, Want)]
    return _container(annotation, wants[-1] if wants else "")


def _container(annotation: Any, want: str) -> Shape:
    origin, arms = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return Shape("list", tuple, want, _renamed(_shape(arms[0]), want.removeprefix("[]")))
    if origin is dict:
        return Shape("map", dict, want, _shape(arms[1]))
    if issubclass(annotation, Model):
        return Shape("table", annotation, want or f"v1.{annotation.reference_name or annotation.__name__}")
    return Shape("scalar", annotation, want or "string")


def _renamed(shape: Shape, want: str) -> Shape:
    return Shape(shape.kind, shape.type, want or shape.want, shape.item)


@cache
def holder(model: type[Model], name: str) -> str:
    """The path of embedded types in the reference from ``model`` to the type that declares the attribute ``name``.

    It is part of the paths in the reference's error texts: type names joined by dots, or empty.
    """
    bases = model.__mro__
    owner = next(base for base in bases if name in get_annotations(base))
    between = [base for base in bases[1 : bases.index(owner) + 1] if issubclass(base, owner)]
    names = [base.__dict__.get("reference_name", "") for base in between]
    return ".".join(name for name in names if name)


@cache
def folded(model: type[Model]) -> Mapping[str, Declared]:
    """The declared fields of a model by their key in a file, in lower case: keys match without regard to case."""
    return {item.alias.lower(): item for item in declared(model).values()}
