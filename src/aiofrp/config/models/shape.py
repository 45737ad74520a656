"""Facts about the models: the shapes of their fields, the types that embed them in the reference, their keys."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import get_annotations

from aiofrp.config.models.model import Declared, Model, declared, once
from aiofrp.config.models.values import Shape


@once
def shapes(model: type[Model]) -> Mapping[str, Shape]:
    """The shape of each attribute of a model."""
    return {name: item.shape for name, item in declared(model).items()}


@once
def holder(model: type[Model], name: str) -> str:
    """The path of embedded types in the reference from ``model`` to the type that declares the attribute ``name``.

    It is part of the paths in the reference's error texts: type names joined by dots, or empty.
    """
    bases = model.__mro__
    owner = next(base for base in reversed(bases) if name in get_annotations(base))
    between = [base for base in bases[1 : bases.index(owner) + 1] if issubclass(base, owner)]
    names = [base.__dict__.get("reference_name", "") for base in between]
    return ".".join(name for name in names if name)


def owner(model: type[Model], key: str) -> type[Model]:
    """The class, ``model`` or a base of it, that declares the field with the key ``key`` of a file first."""
    name = folded(model)[key.lower()].name
    return next(base for base in reversed(model.__mro__) if name in get_annotations(base))


@once
def folded(model: type[Model]) -> Mapping[str, Declared]:
    """The declared fields of a model by their key in a file, in lower case: keys match without regard to case."""
    return {item.alias.lower(): item for item in declared(model).values()}
